#include "wasm/component/outside.h"

namespace omnisandbox::wasm::component {
namespace {

class ThisProcess : public Outside {
 public:
  std::uint64_t call(Preview1Function function, GuestCall& call,
                     std::span<const std::uint64_t> arguments) override {
    return function(call, arguments.data());
  }
  Expected<HostAnswer> ask(GuestRun& run, const HostRequest& request) override {
    return perform(run.host_functions, request);
  }
  void show_output(GuestRun& /*run*/, Moment /*moment*/) override {}
};

}  // namespace

Outside& this_process() noexcept {
  static ThisProcess outside;
  return outside;
}

}  // namespace omnisandbox::wasm::component
