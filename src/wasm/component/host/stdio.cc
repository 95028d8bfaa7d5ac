#include <array>
#include <utility>

#include "wasm/component/host/held_bytes.h"
#include "wasm/component/host/interfaces.h"

/// omnisandbox:interpreter/stdio@1.0.0 (guests/interpreters/wit/interpreter.wit): text to and from
/// the run's streams, at a byte of host memory for a byte, where WASI's lists take 70.
namespace omnisandbox::wasm::component::host {
namespace {

void read_input(HostCall& call) {
  GuestRun& run = call.guest();
  auto kept = keep_bytes(call, run.stdin_data.substr(run.stdin_position));
  if (!kept) {
    call.give(failure(call, kept.error()));
    return;
  }
  run.stdin_position = run.stdin_data.size();
  call.give(Value::ok(std::move(*kept)));
}

// A guest that writes without end is ended at a loop's next round, by the deadline.
void write_output(HostCall& call) { call.guest().stdout_capture.append(string_of(call.arg(0))); }

void write_error(HostCall& call) { call.guest().stderr_capture.append(string_of(call.arg(0))); }

void exit(HostCall& call) {
  call.guest().exit_code = u8_of(call.arg(0));
  call.end_guest(GuestCall::End::exit);
}

constexpr std::array functions = {
    FunctionEntry{"read-input", &read_input}, FunctionEntry{"write-output", &write_output},
    FunctionEntry{"write-error", &write_error}, FunctionEntry{"exit", &exit}};

}  // namespace

Interface stdio_interface() { return {"omnisandbox:interpreter/stdio@1.0.0", {}, functions}; }

}  // namespace omnisandbox::wasm::component::host
