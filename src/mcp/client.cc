#include "mcp/client.h"

#include <utility>

namespace omnisandbox::mcp {

std::optional<Revision> Client::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

bool Client::agree(Revision revision) {
  const std::lock_guard lock(mutex_);
  if (revision_) {
    return false;
  }
  revision_ = revision;
  return true;
}

LogLevel Client::log_level() const {
  const std::lock_guard lock(mutex_);
  return log_level_;
}

void Client::set_log_level(LogLevel level) {
  const std::lock_guard lock(mutex_);
  log_level_ = level;
}

bool Client::add(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(mutex_);
  return calls_.emplace(call->terms().id, call).second;
}

void Client::remove(const Call& call) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call.terms().id);
  if (found != calls_.end() && found->second.get() == &call) {
    calls_.erase(found);
  }
}

std::shared_ptr<Call> Client::find(const Json& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

bool Client::has_calls() const {
  const std::lock_guard lock(mutex_);
  return !calls_.empty();
}

void Client::cancel_all() {
  std::map<Json, std::shared_ptr<Call>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (const auto& [id, call] : calls) {
    call->cancel();
  }
}

}  // namespace omnisandbox::mcp
