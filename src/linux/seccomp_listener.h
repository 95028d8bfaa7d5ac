#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// System calls that a seccomp filter hands over instead of answering them itself
/// (seccomp_unotify(2)).
namespace omnisandbox::linux_ {

/// A call that waits for its answer. `thread` is named as this process sees it.
struct HandedCall {
  std::uint64_t id = 0;
  pid_t thread = 0;
  seccomp_data data{};
};

/// The receiving end. When it closes, calls that wait or come later do not exist (ENOSYS).
class SeccompListener {
 public:
  static Expected<SeccompListener> create(Fd listener);

  const Fd& handle() const noexcept { return listener_; }
  /// One that waits; call it when the handle is readable. Nothing where its thread has gone since.
  Expected<std::optional<HandedCall>> receive() const;
  /// Whether the call still waits: what was opened or read by the thread's number before is the
  /// thread's.
  bool still_waits(const HandedCall& call) const;
  /// The kernel carries it out, with the arguments that the thread's registers hold; what they
  /// point to may have changed. So only for calls that are allowed with any content.
  Expected<void> let_through(const HandedCall& call) const;
  Expected<void> refuse(const HandedCall& call, int error_number) const;

 private:
  SeccompListener(Fd listener, std::size_t notification_bytes)
      : listener_(std::move(listener)), notification_bytes_(notification_bytes) {}
  Expected<void> answer(seccomp_notif_resp response) const;

  Fd listener_;
  std::size_t notification_bytes_;  // of this kernel, which may be newer than its headers here
};

}  // namespace omnisandbox::linux_
