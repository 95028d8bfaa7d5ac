#include "runner/standard_backends.h"

#include <wasmtime.h>

#include "runner/docker_backend.h"
#include "runner/process_backend.h"
#include "runner/wasm_backend.h"

namespace omnisandbox::runner {

std::vector<std::unique_ptr<Backend>> standard_backends(Purpose purpose) {
  std::vector<std::unique_ptr<Backend>> backends;
  backends.push_back(std::make_unique<WasmBackend>());
  backends.push_back(std::make_unique<ProcessBackend>());
  backends.push_back(std::make_unique<DockerBackend>(
      0, purpose == Purpose::one_run ? docker::Removal::requested : docker::Removal::awaited));
  return backends;
}

std::string_view wasm_engine_version() noexcept { return "wasmtime " WASMTIME_VERSION; }

}  // namespace omnisandbox::runner
