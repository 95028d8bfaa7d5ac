#pragma once

#include <span>

#include "wasm/component/host_call.h"

/// WASI 0.2, on the same descriptors, path gate, quotas and audit as preview 1. Nothing of it
/// reaches the network: wasi:sockets answers `access-denied`, and wasi:http is not offered.
namespace omnisandbox::wasm::component::wasi02 {

std::span<const Interface> cli_interfaces();         // cli.cc
std::span<const Interface> clock_interfaces();       // clocks_random.cc
std::span<const Interface> io_interfaces();          // streams.cc, poll.cc
std::span<const Interface> filesystem_interfaces();  // filesystem.cc
std::span<const Interface> socket_interfaces();      // sockets.cc

// poll.cc
void pollable_ready(HostCall& call);
void pollable_block(HostCall& call);
void poll(HostCall& call);

/// A pollable that is ready at once: all that is not a clock.
Value ready_pollable(HostCall& call);
/// Ends the guest when its time is over; returns whether it may go on.
bool may_continue(HostCall& call);

}  // namespace omnisandbox::wasm::component::wasi02
