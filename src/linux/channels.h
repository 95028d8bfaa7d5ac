#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// Pipes, socket pairs and waiting for them.
namespace omnisandbox::linux_ {

struct Pipe {
  Fd read_end;
  Fd write_end;
};
Expected<Pipe> make_pipe();
/// Asks for a larger buffer. Refusals (a user's own quota) are no error: the pipe works as it is.
void widen_pipe(const Fd& pipe, std::size_t bytes) noexcept;
Expected<void> set_nonblocking(const Fd& file);

struct SocketPair {
  Fd left;
  Fd right;
};
/// A connected pair of UNIX stream sockets.
Expected<SocketPair> make_stream_socket_pair();
/// Sends all of `bytes`; EPIPE where the peer is gone, never a signal.
Expected<void> send_all(const Fd& socket, std::string_view bytes);

/// The peer's reads end; its answers still come.
void finish_sending(const Fd& socket) noexcept;

/// What a non-blocking transfer did.
struct Transfer {
  enum class Kind : std::uint8_t { moved, would_block, ended };
  Kind kind = Kind::ended;
  std::size_t bytes = 0;  ///< of `moved`
};
/// read(2) on a non-blocking descriptor; `ended` at the end of the stream.
Expected<Transfer> read_available(const Fd& file, std::span<char> buffer);
/// write(2) on a non-blocking pipe; `ended` where nobody reads any more. No SIGPIPE reaches the
/// process, whatever it does with that signal.
Expected<Transfer> write_available(const Fd& pipe, std::string_view bytes);

/// Receives one message of at most buffer.size() bytes and at most one descriptor with it.
struct ReceivedMessage {
  Transfer transfer;
  Fd descriptor;
};
Expected<ReceivedMessage> receive_with_descriptor(const Fd& socket, std::span<char> buffer);

/// An eventfd that ends a wait from another thread.
class WakeUp {
 public:
  static Expected<WakeUp> create();
  void wake() const noexcept;
  const Fd& handle() const noexcept { return event_; }

 private:
  explicit WakeUp(Fd event) : event_(std::move(event)) {}
  Fd event_;
};

Expected<Fd> open_null_device();

}  // namespace omnisandbox::linux_
