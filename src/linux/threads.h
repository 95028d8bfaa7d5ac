#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "linux/signals.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// Starts a thread that no signal comes to: signals are for the program's own threads. `what` names
/// it in the error, of kind `limit`: a user, a control group or the machine has as many threads as
/// it may.
template <class Body>
Expected<std::jthread> start_thread(const char* what, Body&& body) {
  try {
    const SignalsBlocked blocked;
    return std::jthread(std::forward<Body>(body));
  } catch (const std::system_error& failure) {
    Error error = base::make_error(
        ErrorKind::limit,
        "no thread can be started {}: {}; this user or its control group may have no more "
        "(ulimit -u, pids.max)",
        what, failure.code().message());
    error.system_errno = failure.code().value();
    return error;
  }
}

}  // namespace omnisandbox::linux_
