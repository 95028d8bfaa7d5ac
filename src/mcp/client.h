#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "mcp/call.h"
#include "mcp/log_level.h"
#include "mcp/revision.h"

namespace omnisandbox::mcp {

/// One client: the one behind stdio, or one session of HTTP. What it has agreed with us, and its
/// calls under way. Thread rule: all of it from any thread.
class Client {
 public:
  virtual ~Client() = default;
  /// Something that belongs to no request. Lost where the client does not listen.
  virtual void push(const std::string& message) = 0;

  /// Set by the handshake; unset before.
  std::optional<Revision> revision() const;
  /// False where there was a handshake before.
  bool agree(Revision revision);

  LogLevel log_level() const;
  void set_log_level(LogLevel level);

  /// False where a call with this id is under way.
  bool add(const std::shared_ptr<Call>& call);
  void remove(const Call& call);
  /// Null without such a call.
  std::shared_ptr<Call> find(const Json& id) const;
  bool has_calls() const;
  /// The client has gone: nobody waits for its calls.
  void cancel_all();

 private:
  mutable std::mutex mutex_;
  std::optional<Revision> revision_;             // guarded by mutex_
  LogLevel log_level_ = LogLevel::warning;       // guarded by mutex_
  std::map<Json, std::shared_ptr<Call>> calls_;  // guarded by mutex_; by id
};

}  // namespace omnisandbox::mcp
