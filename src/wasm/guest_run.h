#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host_functions/run_context.h"
#include "wasm/guest_memory.h"
#include "wasm/output_capture.h"

namespace omnisandbox::wasm {

namespace wasi {
class FdTable;
}
namespace abi {
class HandleTable;
}

/// Everything that belongs to one run of one guest, and to nothing else. Used by one thread at a time.
struct GuestRun {
  GuestRun(HostFunctions& functions, host_functions::RunContext& run_context);
  ~GuestRun();
  GuestRun(const GuestRun&) = delete;
  GuestRun& operator=(const GuestRun&) = delete;

  HostFunctions& host_functions;
  host_functions::RunContext& context;  ///< policy, path gate, quotas, audit, deadline, stop
  std::vector<std::string> args;        ///< the program's name first
  std::vector<std::string> environment; ///< "NAME=value"
  std::string stdin_data;
  std::size_t stdin_position = 0;
  OutputCapture stdout_capture;
  OutputCapture stderr_capture;
  std::optional<int> exit_code;  ///< set by proc_exit

  std::unique_ptr<wasi::FdTable> fds;       ///< made at the first use: most guests open no file
  std::unique_ptr<abi::HandleTable> handles;
};

/// What a host function sees of the call. A function returns its WASI errno or ABI code; to end the guest instead,
/// it calls `end_guest` and returns anything: the binder turns that into a trap which the runtime recognises.
struct GuestCall {
  GuestRun& run;
  GuestMemory memory;
  enum class End : std::uint8_t { none, exit, timeout, cancelled, bad_pointer };
  End end = End::none;
  void end_guest(End why) { end = why; }
};

}  // namespace omnisandbox::wasm
