#include "wasm/worker/build_identity.h"

#include <wasmtime.h>

#include <span>

#include "base/error.h"
#include "omnisandbox/version.h"
#include "wasm/cache/digest.h"
#include "wasm/worker/forwarded_calls.h"

namespace omnisandbox::wasm::worker {

std::string build_identity() {
  std::string functions;
  for (const HostFunctionEntry* function : numbered_functions()) {
    functions += function->name;
    functions += function->parameters.size() < 10 ? '/' : '?';
    functions += std::to_string(function->parameters.size());
    functions += '\n';
  }
  return fmt::format("OmniSandbox {}, messages 1, wasmtime {}, functions {}", version(),
                     WASMTIME_VERSION, hex_of(sha256(std::as_bytes(std::span(functions)))));
}

}  // namespace omnisandbox::wasm::worker
