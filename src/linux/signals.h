#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <optional>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// From now on a write to a closed pipe is the error EPIPE instead of the end of this process.
Expected<void> ignore_broken_pipes();

/// While it lives, no signal comes to the calling thread; a thread that is started meanwhile
/// inherits that for good. For threads of the library: signals are for the program's own.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// Turns chosen signals of this process into events that one thread waits for. Make it before any
/// other thread: the signals are blocked in the calling thread, and threads inherit that. (So do
/// programs that are started without a reset.) A signal that was ignored at the start, as `nohup`
/// does, stays ignored.
class SignalWaiter {
 public:
  static Expected<SignalWaiter> create(std::initializer_list<int> signals);

  struct Event {
    enum class Kind : std::uint8_t { signal, woken, time_over };
    Kind kind = Kind::time_over;
    int signal = 0;  ///< of `signal`
  };
  /// Waits for a signal, for `wake`, or until `until` (unset: for ever), whichever comes first.
  Expected<Event> wait(std::optional<std::chrono::steady_clock::time_point> until) const;
  /// Ends a wait, or the next one. From any thread.
  void wake() const noexcept;

 private:
  SignalWaiter(Fd signals, Fd wake_up)
      : signals_(std::move(signals)), wake_up_(std::move(wake_up)) {}
  Fd signals_;
  Fd wake_up_;
};

}  // namespace omnisandbox::linux_
