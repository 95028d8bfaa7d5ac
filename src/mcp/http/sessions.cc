#include "mcp/http/sessions.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/random.h"

namespace omnisandbox::mcp {

Expected<std::string> random_secret() {
  std::array<std::uint8_t, 16> bytes{};
  TRY(linux_::fill_random(bytes));
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

Expected<std::shared_ptr<Session>> Sessions::create(Time now) {
  if (!make_room(now)) {
    return base::make_error(ErrorKind::unavailable,
                            "{} sessions are in use, which is all that there can be; end one",
                            bounds_.max_sessions);
  }
  return std::make_shared<Session>(TRY(random_secret()), io_);
}

void Sessions::add(const std::shared_ptr<Session>& session, Time now) {
  session->touch(now);
  sessions_.emplace(session->id(), session);
}

std::shared_ptr<Session> Sessions::find(const std::string& id, Time now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    return nullptr;
  }
  found->second->touch(now);
  return found->second;
}

void Sessions::end(const std::string& id) {
  if (const auto found = sessions_.extract(id)) {
    found.mapped()->end();
  }
}

void Sessions::expire(Time now) {
  for (auto each = sessions_.begin(); each != sessions_.end();) {
    if (each->second->is_busy()) {
      each->second->touch(now);
    }
    const auto current = each++;
    if (now - current->second->last_used() >= bounds_.idle_time) {
      end(std::string(current->first));
    }
  }
}

bool Sessions::make_room(Time now) {
  expire(now);
  if (sessions_.size() < bounds_.max_sessions) {
    return true;
  }
  auto oldest = sessions_.end();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    if (!each->second->is_busy() &&
        (oldest == sessions_.end() || each->second->last_used() < oldest->second->last_used())) {
      oldest = each;
    }
  }
  if (oldest == sessions_.end()) {
    return false;
  }
  end(std::string(oldest->first));
  return true;
}

}  // namespace omnisandbox::mcp
