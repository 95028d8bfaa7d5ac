#pragma once

#include <cstdint>

#include "omnisandbox/error.h"
#include "wasm/guest_run.h"

namespace omnisandbox::wasm::abi {

/// What guests see instead of an ErrorKind; docs/guest_abi.md is the contract, so numbers never
/// change.
enum class ErrorCode : std::int32_t {
  denied = -1,
  not_found = -2,
  too_large = -3,
  timeout = -4,
  invalid = -5,
  io = -6,
  limit = -7,
  unavailable = -8,
  already_exists = -9,
  cancelled = -10,
  internal = -11,
};

ErrorCode code_of(ErrorKind kind) noexcept;

/// Keeps the message for last_error and returns the code. When it is the run itself that is out of
/// time or cancelled, the guest is ended instead: it could only waste what is left.
std::int32_t fail(GuestCall& call, const Error& error);

}  // namespace omnisandbox::wasm::abi
