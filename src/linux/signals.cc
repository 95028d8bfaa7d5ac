#include "linux/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

Error failed(std::string_view operation, std::string_view resource) {
  return Error::from_errno(errno, operation, resource);
}

// Rounded up: a wait that ends early would be repeated at once, in a busy loop, until the time has
// come.
int milliseconds_until(std::optional<std::chrono::steady_clock::time_point> until) {
  if (!until) {
    return -1;
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
}

}  // namespace

Expected<void> ignore_broken_pipes() {
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return failed("signal", "SIGPIPE");
  }
  return {};
}

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

Expected<SignalWaiter> SignalWaiter::create(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) {
    struct sigaction current {};
    if (::sigaction(signal, nullptr, &current) != 0) {
      return failed("sigaction", "signals");
    }
    if (current.sa_handler != SIG_IGN) {
      ::sigaddset(&set, signal);
    }
  }
  if (const int problem = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); problem != 0) {
    return Error::from_errno(problem, "pthread_sigmask", "signals");
  }
  Fd signal_file(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signal_file.is_open()) {
    return failed("signalfd", "signals");
  }
  Fd wake_up(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_up.is_open()) {
    return failed("eventfd", "signals");
  }
  return SignalWaiter(std::move(signal_file), std::move(wake_up));
}

Expected<SignalWaiter::Event> SignalWaiter::wait(
    std::optional<std::chrono::steady_clock::time_point> until) const {
  std::array<pollfd, 2> files{pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = wake_up_.get(), .events = POLLIN, .revents = 0}};
  if (retry_interrupted(
          [&] { return ::poll(files.data(), files.size(), milliseconds_until(until)); }) < 0) {
    return failed("poll", "signals");
  }
  if (files[0].revents != 0) {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      return Event{.kind = Event::Kind::signal, .signal = static_cast<int>(info.ssi_signo)};
    }
  }
  if (files[1].revents != 0) {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(wake_up_.get(), &count));
    return Event{.kind = Event::Kind::woken};
  }
  return Event{.kind = Event::Kind::time_over};
}

void SignalWaiter::wake() const noexcept {
  // Fails only when the counter is full, and then the wait has been ended already.
  static_cast<void>(::eventfd_write(wake_up_.get(), 1));
}

}  // namespace omnisandbox::linux_
