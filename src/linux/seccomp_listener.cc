#include "linux/seccomp_listener.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

// The kernel's own structure has 80 bytes; a newer one may grow.
constexpr std::size_t max_notification_bytes = 1024;

}  // namespace

Expected<SeccompListener> SeccompListener::create(Fd listener) {
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
    return Error::from_errno(errno, "seccomp", "SECCOMP_GET_NOTIF_SIZES");
  }
  const std::size_t bytes = std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif));
  if (bytes > max_notification_bytes || sizes.seccomp_notif_resp != sizeof(seccomp_notif_resp)) {
    return base::make_error(ErrorKind::unavailable,
                            "this kernel hands system calls over in an unknown form");
  }
  return SeccompListener(std::move(listener), bytes);
}

Expected<std::optional<HandedCall>> SeccompListener::receive() const {
  alignas(seccomp_notif) std::array<char, max_notification_bytes> buffer;
  // The kernel wants it empty.
  std::memset(buffer.data(), 0, notification_bytes_);
  if (retry_interrupted(
          [&] { return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, buffer.data()); }) != 0) {
    if (errno == ENOENT) {
      return std::optional<HandedCall>();
    }
    return Error::from_errno(errno, "ioctl", "SECCOMP_IOCTL_NOTIF_RECV");
  }
  seccomp_notif notification;
  std::memcpy(&notification, buffer.data(), sizeof notification);
  return std::optional(HandedCall{.id = notification.id,
                                  .thread = static_cast<pid_t>(notification.pid),
                                  .data = notification.data});
}

bool SeccompListener::still_waits(const HandedCall& call) const {
  std::uint64_t id = call.id;
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

Expected<void> SeccompListener::let_through(const HandedCall& call) const {
  return answer({.id = call.id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

Expected<void> SeccompListener::refuse(const HandedCall& call, int error_number) const {
  return answer({.id = call.id, .val = 0, .error = -error_number, .flags = 0});
}

Expected<void> SeccompListener::answer(seccomp_notif_resp response) const {
  // ENOENT: the thread has been killed; EINPROGRESS: a signal took it out of the call.
  if (retry_interrupted(
          [&] { return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response); }) != 0 &&
      errno != ENOENT && errno != EINPROGRESS) {
    return Error::from_errno(errno, "ioctl", "SECCOMP_IOCTL_NOTIF_SEND");
  }
  return {};
}

}  // namespace omnisandbox::linux_
