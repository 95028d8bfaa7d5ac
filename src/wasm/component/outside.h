#pragma once

#include <cstdint>
#include <span>

#include "omnisandbox/expected.h"
#include "wasm/guest_run.h"
#include "wasm/host_request.h"

namespace omnisandbox::wasm::component {

/// How a component's imports reach what lies outside of its sandbox: in this process, or through a
/// worker's parent. Used by one thread at a time.
class Outside {
 public:
  virtual ~Outside() = default;

  /// A preview 1 function, by its HostFunctionEntry::invoke. It works on the call's memory, and may
  /// end the guest.
  using Preview1Function = std::uint64_t (*)(GuestCall& call,
                                             const std::uint64_t* arguments) noexcept;
  virtual std::uint64_t call(Preview1Function function, GuestCall& call,
                             std::span<const std::uint64_t> arguments) = 0;

  virtual Expected<HostAnswer> ask(GuestRun& run, const HostRequest& request) = 0;

  /// The guest printed something, or (`about_to_wait`) is going to sleep.
  enum class Moment : std::uint8_t { after_call, about_to_wait };
  virtual void show_output(GuestRun& run, Moment moment) = 0;
};

/// Without any state of its own.
Outside& this_process() noexcept;

}  // namespace omnisandbox::wasm::component
