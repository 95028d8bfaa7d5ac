#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "omnisandbox/error.h"
#include "omnisandbox/result.h"
#include "wasm/engine/owners.h"
#include "wasm/engine/wasmtime_extensions.h"
#include "wasm/guest_run.h"

namespace omnisandbox::wasm {

/// How a guest ended, in the words of a Result.
struct Ending {
  Status status = Status::ok;
  int exit_code = 0;
  std::optional<Error> error{};
};

/// What a failed call into the guest left: one of the two, or none when it returned.
struct CallFailure {
  ErrorOwner error;
  TrapOwner trap;
  explicit operator bool() const { return error != nullptr || trap != nullptr; }
};

/// `timeout` is the run's, for messages.
Ending ending_of(const GuestRun& run, const CallFailure& failure,
                 const omnisandbox_store_usage& usage, std::chrono::milliseconds timeout);

/// The Ending of a run that could not start, such as one that waited for a free slot until its
/// deadline.
Ending ending_of(Error error);

}  // namespace omnisandbox::wasm
