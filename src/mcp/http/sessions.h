#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "mcp/http/session.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::mcp {

/// The sessions of the transport, by their ids, which nobody can guess. On the transport's thread.
class Sessions {
 public:
  struct Bounds {
    std::size_t max_sessions;
    std::chrono::milliseconds idle_time;
  };
  Sessions(Bounds bounds, std::shared_ptr<boost::asio::io_context> io)
      : bounds_(bounds), io_(std::move(io)) {}
  using Time = std::chrono::steady_clock::time_point;

  /// A session that `add` makes known, once it has been agreed upon. Errors: `unavailable` where
  /// all places are taken and something is under way in each; of the random source.
  Expected<std::shared_ptr<Session>> create(Time now);
  void add(const std::shared_ptr<Session>& session, Time now);

  /// Null without such a session. It counts as used.
  std::shared_ptr<Session> find(const std::string& id, Time now);
  void end(const std::string& id);
  /// Ends those that were not used for long.
  void expire(Time now);
  std::size_t count() const noexcept { return sessions_.size(); }

 private:
  bool make_room(Time now);

  const Bounds bounds_;
  const std::shared_ptr<boost::asio::io_context> io_;         // shared with the sessions
  std::map<std::string, std::shared_ptr<Session>> sessions_;  // shared with their calls
};

/// 32 lower-case hexadecimal digits of the kernel's random source.
Expected<std::string> random_secret();

}  // namespace omnisandbox::mcp
