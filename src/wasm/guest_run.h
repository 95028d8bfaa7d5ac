#pragma once

#include <wasmtime.h>

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

struct GuestRun;

/// What a host function sees of the call. A function returns its WASI errno or ABI code; to end the
/// guest instead, it calls `end_guest` and returns anything: the binder turns that into a trap
/// which the runtime recognises.
struct GuestCall {
  GuestRun& run;
  GuestMemory memory;
  enum class End : std::uint8_t {
    none,
    exit,  ///< proc_exit; the code is in the run
    timeout,
    cancelled,
    bad_pointer,  ///< a range outside the guest's memory
    failed,       ///< the host function itself failed: out of host memory, or a defect
  };
  End end = End::none;
  void end_guest(End why) { end = why; }
};

/// Everything that belongs to one run of one guest, and to nothing else. Used by one thread at a
/// time.
struct GuestRun {
  GuestRun(HostFunctions& functions, host_functions::RunContext& run_context);
  ~GuestRun();
  GuestRun(const GuestRun&) = delete;
  GuestRun& operator=(const GuestRun&) = delete;

  HostFunctions& host_functions;
  host_functions::RunContext& context;   ///< policy, path gate, quotas, audit, deadline, stop
  std::vector<std::string> args;         ///< the program's name first
  std::vector<std::string> environment;  ///< "NAME=value"
  std::string stdin_data;
  std::size_t stdin_position = 0;
  OutputCapture stdout_capture;
  OutputCapture stderr_capture;
  std::optional<int> exit_code;  ///< set by proc_exit

  std::unique_ptr<wasi::FdTable> fds;  ///< made at the first use: most guests open no file
  std::unique_ptr<abi::HandleTable> handles;
  std::string last_error;  ///< what omnisandbox_v1.last_error answers

  // ---- Of the binder and the runtime ----
  GuestCall::End ended_by = GuestCall::End::none;  ///< why the host ended the guest
  std::string end_message;                         ///< of bad_pointer and failed
  /// The exported "memory", looked up at the first call. One run has one instance, so it does not
  /// change.
  std::optional<wasmtime_memory_t> memory_export;
};

}  // namespace omnisandbox::wasm
