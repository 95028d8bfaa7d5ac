#include "mcp/batch.h"

#include <utility>

namespace omnisandbox::mcp {

class Batch::Part final : public Exchange {
 public:
  explicit Part(std::shared_ptr<Batch> batch) : batch_(std::move(batch)) {}
  void notify(const std::string& message) override { batch_->notify(message); }
  void finish(std::optional<Answer> answer) override { batch_->finish_part(answer); }

 private:
  const std::shared_ptr<Batch> batch_;  // shared by its parts
};

std::shared_ptr<Exchange> Batch::part() { return std::make_shared<Part>(shared_from_this()); }

void Batch::notify(const std::string& message) {
  const std::lock_guard lock(mutex_);
  whole_->notify(message);
}

void Batch::finish_part(const std::optional<Answer>& answer) {
  const std::lock_guard lock(mutex_);
  if (answer) {
    answers_ += (answers_.empty() ? "[" : ",") + answer->text;
  }
  if (--remaining_ > 0) {
    return;
  }
  whole_->finish(answers_.empty() ? std::nullopt
                                  : std::optional(Answer{.text = std::move(answers_) + "]"}));
}

}  // namespace omnisandbox::mcp
