#include "mcp/call.h"

#include <fmt/format.h>

#include <utility>

#include "base/units.h"
#include "mcp/limits.h"
#include "mcp/result_shape.h"

namespace omnisandbox::mcp {

bool Call::has_ended() const {
  const std::lock_guard lock(mutex_);
  return exchange_ == nullptr;
}

void Call::start(std::chrono::steady_clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  started_ = std::chrono::steady_clock::now();
  deadline_ = deadline;
  stage_ = "running";
}

void Call::report_stage(std::string_view stage) {
  const std::lock_guard lock(mutex_);
  stage_ = stage;
}

void Call::log(LogLevel level, const Json& data) {
  if (!terms_.log_level || level < *terms_.log_level) {
    return;
  }
  notify("notifications/message",
         {{"level", to_string(level)}, {"logger", "omnisandbox"}, {"data", data}});
}

void Call::notify(std::string_view method, Json params) {
  const std::lock_guard lock(mutex_);
  notify_locked(method, std::move(params));
}

void Call::notify_locked(std::string_view method, Json params) {
  if (exchange_ == nullptr) {
    return;
  }
  if (!terms_.notification_meta.is_null()) {
    params["_meta"] = terms_.notification_meta;
  }
  exchange_->notify(notification_text(method, std::move(params)));
}

void Call::end_locked(std::optional<Answer> answer) {
  if (const auto exchange = std::exchange(exchange_, nullptr)) {
    exchange->finish(std::move(answer));
  }
}

void Call::finish(const Answer& answer) {
  const std::lock_guard lock(mutex_);
  end_locked(answer);
}

void Call::cancel() {
  // First, so that nothing which the work still says goes out.
  {
    const std::lock_guard lock(mutex_);
    end_locked(std::nullopt);
  }
  stop_.request_stop();
}

bool Call::tick(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (exchange_ == nullptr) {
    return false;
  }
  if (!started_) {
    return true;
  }
  if (now > deadline_ + overdue_grace) {
    stop_.request_stop();
    ToolResult result{.is_error = true};
    result.content.push_back(
        {{"type", "text"},
         {"text", fmt::format("[timeout] the call did not end at its deadline of {}, and is no "
                              "longer waited for; it was: {}",
                              base::format_duration(deadline_ - *started_), stage_)}});
    end_locked(result_answer(terms_.id, tool_result_json(result, terms_.revision)));
    return false;
  }
  if (!terms_.progress_token.is_null() && now >= *started_ + progress_interval) {
    const auto seconds = [](std::chrono::steady_clock::duration duration) {
      return std::chrono::duration<double>(duration).count();
    };
    Json params = {{"progressToken", terms_.progress_token},
                   {"progress", seconds(now - *started_)},
                   {"total", seconds(deadline_ - *started_)}};
    if (terms_.revision >= Revision::of_2025_03_26) {
      params["message"] = stage_;
    }
    notify_locked("notifications/progress", std::move(params));
  }
  return true;
}

}  // namespace omnisandbox::mcp
