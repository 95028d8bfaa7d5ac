#include "linux/channels.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/try.h"
#include "linux/file_system.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

Error failed(std::string_view operation, std::string_view resource) {
  return Error::from_errno(errno, operation, resource);
}

// A write to a pipe without readers raises SIGPIPE. A library must not change what its program
// does with signals, so the signal is blocked in this thread, and taken back when it came.
class BrokenPipeGuard {
 public:
  BrokenPipeGuard() {
    ::sigemptyset(&broken_pipe_);
    ::sigaddset(&broken_pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe_, &before_);
  }
  ~BrokenPipeGuard() {
    const int saved = errno;
    if (!was_pending_) {
      const timespec at_once{};
      while (::sigtimedwait(&broken_pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }
  BrokenPipeGuard(const BrokenPipeGuard&) = delete;
  BrokenPipeGuard& operator=(const BrokenPipeGuard&) = delete;

 private:
  sigset_t broken_pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace

Expected<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return failed("pipe2", "a command's stream");
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void widen_pipe(const Fd& pipe, std::size_t bytes) noexcept {
  static_cast<void>(::fcntl(pipe.get(), F_SETPIPE_SZ, static_cast<int>(bytes)));
}

Expected<void> set_nonblocking(const Fd& file) {
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || ::fcntl(file.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return failed("fcntl", "a command's stream");
  }
  return {};
}

Expected<SocketPair> make_stream_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return failed("socketpair", "the launcher's control channel");
  }
  return SocketPair{Fd(ends[0]), Fd(ends[1])};
}

Expected<void> send_all(const Fd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = retry_interrupted(
        [&] { return ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (count < 0) {
      return failed("send", "the launcher's control channel");
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

void finish_sending(const Fd& socket) noexcept {
  static_cast<void>(::shutdown(socket.get(), SHUT_WR));
}

Expected<Transfer> read_available(const Fd& file, std::span<char> buffer) {
  const ssize_t count =
      retry_interrupted([&] { return ::read(file.get(), buffer.data(), buffer.size()); });
  if (count > 0) {
    return Transfer{Transfer::Kind::moved, static_cast<std::size_t>(count)};
  }
  if (count == 0) {
    return Transfer{Transfer::Kind::ended, 0};
  }
  if (errno == EAGAIN) {
    return Transfer{Transfer::Kind::would_block, 0};
  }
  if (errno == EIO && ::isatty(file.get()) == 1) {
    // Nobody has the terminal's other side open any more.
    return Transfer{Transfer::Kind::ended, 0};
  }
  return failed("read", "a command's stream");
}

Expected<Transfer> write_available(const Fd& pipe, std::string_view bytes) {
  const BrokenPipeGuard guard;
  const ssize_t count =
      retry_interrupted([&] { return ::write(pipe.get(), bytes.data(), bytes.size()); });
  if (count >= 0) {
    return Transfer{Transfer::Kind::moved, static_cast<std::size_t>(count)};
  }
  if (errno == EAGAIN) {
    return Transfer{Transfer::Kind::would_block, 0};
  }
  if (errno == EPIPE) {
    return Transfer{Transfer::Kind::ended, 0};
  }
  return failed("write", "a command's stdin");
}

Expected<ReceivedMessage> receive_with_descriptor(const Fd& socket, std::span<char> buffer) {
  iovec vector{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = retry_interrupted(
      [&] { return ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  ReceivedMessage received;
  if (count < 0) {
    if (errno == EAGAIN) {
      received.transfer.kind = Transfer::Kind::would_block;
      return received;
    }
    if (errno == ECONNRESET) {
      return received;
    }
    return failed("recvmsg", "the launcher's control channel");
  }
  if (count > 0) {
    received.transfer = {Transfer::Kind::moved, static_cast<std::size_t>(count)};
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
      received.descriptor = Fd(descriptor);
    }
  }
  return received;
}

Expected<WakeUp> WakeUp::create() {
  Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.is_open()) {
    return failed("eventfd", "a stop request");
  }
  return WakeUp(std::move(event));
}

void WakeUp::wake() const noexcept {
  const std::uint64_t one = 1;
  // A full counter fails and is as readable as it can be.
  static_cast<void>(retry_interrupted([&] { return ::write(event_.get(), &one, sizeof one); }));
}

Expected<Fd> open_null_device() { return open_at2(AT_FDCWD, "/dev/null", O_RDWR, 0, 0); }

}  // namespace omnisandbox::linux_
