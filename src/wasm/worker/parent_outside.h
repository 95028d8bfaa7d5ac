#pragma once

#include "wasm/component/outside.h"
#include "wasm/worker/forwarded_calls.h"

namespace omnisandbox::wasm::worker {

/// A component's way out of a worker: every call is made by the parent, on the parent's own copy of
/// what it works on. In the worker.
class ParentOutside : public component::Outside {
 public:
  ParentOutside(GuestSide& side, const ForwardedCalls& calls) : side_(side), calls_(calls) {}

  std::uint64_t call(Preview1Function function, GuestCall& call,
                     std::span<const std::uint64_t> arguments) override;
  Expected<HostAnswer> ask(GuestRun& run, const HostRequest& request) override;
  void show_output(GuestRun& run, Moment moment) override;

 private:
  GuestSide& side_;
  const ForwardedCalls& calls_;
};

}  // namespace omnisandbox::wasm::worker
