#include "omnisandbox/recommend.h"

#include "omnisandbox/process_sandbox.h"
#include "runner/docker_probe.h"

namespace omnisandbox {

std::string_view to_string(SandboxChoice choice) noexcept {
  switch (choice) {
    case SandboxChoice::app_permissions:
      return "app_permissions";
    case SandboxChoice::wasm:
      return "wasm";
    case SandboxChoice::process:
      return "process";
    case SandboxChoice::docker:
      return "docker";
  }
  return "wasm";
}

MachineOffers probe_machine() {
  return {.wasm = true,
          .process = probe_process_sandbox().available,
          .docker = runner::probe_docker().has_value()};
}

Recommendation recommend(const Workload& workload, const MachineOffers& offers) {
  const auto container = [&offers](std::string reason) {
    if (!offers.docker) {
      reason += "; no container engine answers here, and nothing else would do";
    }
    return Recommendation{.sandbox = SandboxChoice::docker,
                          .reason = std::move(reason),
                          .is_available = offers.docker};
  };
  if (workload.maximum_isolation) {
    return container("maximum isolation: a container without network");
  }
  if (workload.needs_dependencies) {
    return container("a tool with dependencies of its own: a container has them in its image");
  }
  if (workload.is_module || (workload.untrusted_code && !offers.process)) {
    return {.sandbox = SandboxChoice::wasm,
            .reason = workload.is_module
                          ? "a module: a fresh instance without any system call"
                          : "untrusted code: built as a module it has no system call; commands "
                            "cannot be confined here",
            .is_available = offers.wasm};
  }
  if (workload.untrusted_code) {
    return {.sandbox = SandboxChoice::wasm,
            .reason = "untrusted code: built as a module it has no system call",
            .is_available = offers.wasm};
  }
  if (workload.only_files) {
    return {.sandbox = SandboxChoice::app_permissions,
            .reason = "simple file operations by your own code: the host functions judge each"};
  }
  if (offers.process) {
    return {.sandbox = SandboxChoice::process,
            .reason = "a native command: the kernel confines it to what the policy opens"};
  }
  if (offers.docker) {
    return {.sandbox = SandboxChoice::docker,
            .reason =
                "a native command, and the kernel cannot confine one here: a container of an "
                "image that has it"};
  }
  return {.sandbox = SandboxChoice::process,
          .reason = "a native command; this machine can neither confine one nor run containers",
          .is_available = false};
}

}  // namespace omnisandbox
