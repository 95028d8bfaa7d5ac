#include "linux/message_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "linux/retry.h"

namespace omnisandbox::linux_ {

Expected<Transfer> receive_now(const Fd& socket, std::span<char> buffer) {
  const ssize_t count = retry_interrupted(
      [&] { return ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT); });
  if (count > 0) {
    return Transfer{Transfer::Kind::moved, static_cast<std::size_t>(count)};
  }
  if (count == 0 || errno == ECONNRESET) {
    return Transfer{Transfer::Kind::ended, 0};
  }
  if (errno == EAGAIN) {
    return Transfer{Transfer::Kind::would_block, 0};
  }
  return Error::from_errno(errno, "recv", "a worker's socket");
}

Expected<Transfer> send_now(const Fd& socket, std::string_view bytes, const Fd* descriptor) {
  iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (descriptor != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = descriptor->get();
    std::memcpy(CMSG_DATA(part), &number, sizeof number);
  }
  const ssize_t count = retry_interrupted(
      [&] { return ::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (count >= 0) {
    return Transfer{Transfer::Kind::moved, static_cast<std::size_t>(count)};
  }
  if (errno == EAGAIN) {
    return Transfer{Transfer::Kind::would_block, 0};
  }
  if (errno == EPIPE || errno == ECONNRESET) {
    return Transfer{Transfer::Kind::ended, 0};
  }
  return Error::from_errno(errno, "sendmsg", "a worker's socket");
}

Expected<bool> wait_until_ready(const Fd& socket, Readiness readiness,
                                std::optional<std::chrono::steady_clock::time_point> until) {
  pollfd entry{.fd = socket.get(),
               .events = static_cast<short>(readiness == Readiness::to_read ? POLLIN : POLLOUT),
               .revents = 0};
  for (;;) {
    timespec left{};
    if (until) {
      const auto nanoseconds = std::max<std::chrono::nanoseconds>(
          *until - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
      left = {.tv_sec = nanoseconds.count() / 1'000'000'000,
              .tv_nsec = nanoseconds.count() % 1'000'000'000};
    }
    const int ready = ::ppoll(&entry, 1, until ? &left : nullptr, nullptr);
    if (ready >= 0) {
      return ready > 0;
    }
    if (errno != EINTR) {
      return Error::from_errno(errno, "ppoll", "a worker's socket");
    }
  }
}

}  // namespace omnisandbox::linux_
