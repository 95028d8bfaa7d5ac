#include <mutex>
#include <utility>

#include "omnisandbox/audit.h"

namespace omnisandbox {
namespace {

class CallbackAudit final : public AuditSink {
 public:
  explicit CallbackAudit(std::function<void(const AuditRecord&)> callback)
      : callback_(std::move(callback)) {}

  Expected<void> write(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    callback_(record);
    return {};
  }

 private:
  std::mutex mutex_;
  std::function<void(const AuditRecord&)> callback_;
};

}  // namespace

std::shared_ptr<AuditSink> make_callback_audit(std::function<void(const AuditRecord&)> callback) {
  return std::make_shared<CallbackAudit>(std::move(callback));
}

}  // namespace omnisandbox
