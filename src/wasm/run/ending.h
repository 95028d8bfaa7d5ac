#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "omnisandbox/error.h"
#include "omnisandbox/result.h"
#include "wasm/engine/wasmtime_extensions.h"
#include "wasm/guest_run.h"
#include "wasm/run/call_failure.h"

namespace omnisandbox::wasm {

/// How a guest ended, in the words of a Result.
struct Ending {
  Status status = Status::ok;
  int exit_code = 0;
  std::optional<Error> error{};
};

/// `timeout` is the run's, for messages.
Ending ending_of(const GuestRun& run, const CallFailure& failure,
                 const omnisandbox_store_usage& usage, std::chrono::milliseconds timeout);

/// The Ending of a run that could not start, such as one that waited for a free slot until its
/// deadline.
Ending ending_of(Error error);

}  // namespace omnisandbox::wasm
