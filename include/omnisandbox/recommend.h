#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "omnisandbox/docker_config.h"

namespace omnisandbox {

/// The ways to confine something, from "Choosing a sandbox" in the guide.
enum class SandboxChoice : std::uint8_t {
  app_permissions,  ///< HostFunctions: your own code, input that you do not trust
  wasm,             ///< Runtime
  process,          ///< ProcessSandbox
  docker,           ///< DockerSandbox
};
/// "app_permissions", "wasm", "process", "docker".
std::string_view to_string(SandboxChoice choice) noexcept;

/// What is to be run, as far as it matters for the choice.
struct Workload {
  bool only_files = false;          ///< reads and writes files, by code that you wrote yourself
  bool untrusted_code = false;      ///< somebody else, or a model, wrote what runs
  bool is_module = false;           ///< it is (or can be built as) a WebAssembly module
  bool needs_dependencies = false;  ///< an interpreter, libraries or tools that an image has
  bool maximum_isolation = false;   ///< rather slow than near to the host
};

/// What can be had here.
struct MachineOffers {
  bool wasm = true;
  bool process = false;
  bool docker = false;
};
/// Found by trying: starts a confined command and greets the container engine. Up to a few seconds
/// where an engine does not answer.
MachineOffers probe_machine();

struct Recommendation {
  SandboxChoice sandbox = SandboxChoice::wasm;
  NetworkMode network = NetworkMode::none;  ///< of a container
  std::string reason;                       ///< one sentence, for people
  /// False: nothing that would do is offered, and `sandbox` is what would.
  bool is_available = true;
};
/// The guide's table as code, narrowed to what is offered: simple file operations → application
/// permissions; untrusted code → WebAssembly; complex tools with dependencies → a container;
/// maximum isolation → a container without network. Never recommends less isolation than the table
/// says.
Recommendation recommend(const Workload& workload, const MachineOffers& offers);

}  // namespace omnisandbox
