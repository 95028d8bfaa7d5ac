#pragma once

#include <stop_token>
#include <utility>

#include "support.h"

/// Ctrl-C ends a run. Python's own handler only notes the signal, and a run holds the main thread
/// until it is over; so while one is under way, SIGINT is heard here as well.
namespace omnisandbox::python {

/// What a caller uses to end runs from any thread.
class Cancellation {
 public:
  void cancel() { source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  mutable std::stop_source source_;
};

/// While it lives, `cancellation` (may be null) stops `source` too.
class CancellationLink {
 public:
  CancellationLink(const Cancellation* cancellation, const std::stop_source& source)
      : callback_(cancellation == nullptr ? std::stop_token() : cancellation->token(),
                  Stop{source}) {}

 private:
  struct Stop {
    std::stop_source source;  // one more handle on the same state
    void operator()() const { std::stop_source(source).request_stop(); }
  };
  std::stop_callback<Stop> callback_;
};

/// While it lives, SIGINT stops `source`; nothing happens unless this is the main thread and Python
/// handles the signal.
class InterruptGuard {
 public:
  explicit InterruptGuard(std::stop_source& source);
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();

 private:
  std::stop_source* source_ = nullptr;
  bool installed_handler_ = false;
};

/// Calls `run`, which `source` stops, without the GIL. SIGINT stops it as well; then the handlers
/// of pending signals run, and may raise.
template <class Run>
auto run_interruptibly(std::stop_source& source, Run run) {
  auto outcome = [&] {
    const InterruptGuard guard(source);
    const nb::gil_scoped_release released;
    return run();
  }();
  if (source.stop_requested() && PyErr_CheckSignals() != 0) {
    throw nb::python_error();
  }
  return outcome;
}

/// The same for a run with a stop source of its own, which `cancellation` (may be null) stops too.
template <class Run>
auto run_interruptibly(const Cancellation* cancellation, Run run) {
  std::stop_source source;
  const CancellationLink link(cancellation, source);
  return run_interruptibly(source, [&] { return run(source); });
}

}  // namespace omnisandbox::python
