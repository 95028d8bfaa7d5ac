#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "mcp/exchange.h"
#include "mcp/log_level.h"
#include "mcp/revision.h"

namespace omnisandbox::mcp {

/// A request that takes time: who waits for it, and how it can be ended. Exactly one answer or none
/// goes out, and no notification after it. Thread rule: all of it from any thread.
class Call {
 public:
  struct Terms {
    Json id;
    Revision revision = newest_with_handshake;
    Json progress_token{};                ///< null: the client does not ask for progress
    std::optional<LogLevel> log_level{};  ///< the least that the client wants; unset: nothing
    Json notification_meta{};             ///< `_meta` of each notification; null: none
  };
  Call(Terms terms, std::shared_ptr<Exchange> exchange)
      : terms_(std::move(terms)), exchange_(std::move(exchange)) {}

  const Terms& terms() const noexcept { return terms_; }
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  bool has_ended() const;

  /// The work has begun: progress counts from now.
  void start(std::chrono::steady_clock::time_point deadline);
  void report_stage(std::string_view stage);
  void log(LogLevel level, const Json& data);
  void notify(std::string_view method, Json params);
  /// The first one goes out.
  void finish(const Answer& answer);
  /// The client wants no answer any more: the work is told to stop.
  void cancel();
  /// Tells the work to stop, and waits for its answer.
  void request_stop() { stop_.request_stop(); }

  /// Called every now and then: sends progress where it is asked for, and answers a call that is
  /// overdue. False once the call has ended.
  bool tick(std::chrono::steady_clock::time_point now);

 private:
  void notify_locked(std::string_view method, Json params);
  void end_locked(std::optional<Answer> answer);

  const Terms terms_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::shared_ptr<Exchange> exchange_;          // guarded by mutex_; null once it has ended
  std::string stage_ = "waiting for its turn";  // guarded by mutex_
  std::optional<std::chrono::steady_clock::time_point> started_;  // guarded by mutex_
  std::chrono::steady_clock::time_point deadline_{};              // guarded by mutex_
};

}  // namespace omnisandbox::mcp
