#pragma once

#include <string_view>

#include "omnisandbox/error.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

/// The WASI number for errno(3) of the host; `io` for one that WASI does not know.
Errno errno_of(int host_errno);
/// By the system call's errno where there was one, else by the kind. A denial is `perm`: the number
/// that guests' languages report as "permission denied", and what other runtimes answer.
Errno errno_of(const Error& error);

/// What a function returns when a step of it failed: a denial is recorded and audited (once: the
/// caller must not have done so), the deadline and a stop end the guest.
Errno fail(GuestCall& call, std::string_view operation, Error error);

/// Ends the guest when its time is over; returns whether it may go on.
bool may_continue(GuestCall& call);

}  // namespace omnisandbox::wasm::wasi
