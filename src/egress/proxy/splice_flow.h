#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "egress/proxy/body_end.h"
#include "egress/proxy/client_side.h"
#include "linux/channels.h"

namespace omnisandbox::egress {

/// Moves bytes from one socket to another through a pipe (splice(2)): they never come into this
/// process's memory, which for long transfers is most of what a proxy costs. For bytes that nobody
/// looks at any more.
class SpliceFlow : public std::enable_shared_from_this<SpliceFlow> {
 public:
  struct Ends {
    std::shared_ptr<void> owner;  ///< what the sockets belong to: operations under way keep it
    Socket& from;
    Socket& to;
  };

  /// `limit_bytes`: so many and no more; empty: until `from` ends. `count` is told of each piece's
  /// size before it goes on. The calling
  /// thread blocks SIGPIPE. Null where the process has no descriptors left for a pipe: copy then.
  static std::shared_ptr<SpliceFlow> create(Ends ends, std::optional<std::uint64_t> limit_bytes,
                                            std::function<bool(std::size_t)> count);
  SpliceFlow(Ends ends, std::optional<std::uint64_t> limit_bytes,
             std::function<bool(std::size_t)> count, linux_::Pipe pipe);

  void start(std::function<void(BodyEnd)> done);
  /// `done` is not called any more. The owner must let go of the flow.
  void cancel() { done_ = nullptr; }

 private:
  enum class Step : std::uint8_t { moved, waits, ended };
  void go_on();
  Step fill();
  Step drain();
  void wait(Socket& socket, Socket::wait_type what, BodyEnd failure);
  Step finish(BodyEnd end);

  Ends ends_;
  std::optional<std::uint64_t> rest_bytes_;
  std::function<bool(std::size_t)> count_;
  std::function<void(BodyEnd)> done_;
  const linux_::Pipe pipe_;
  std::size_t in_pipe_bytes_ = 0;
};

}  // namespace omnisandbox::egress
