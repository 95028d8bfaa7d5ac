#include "runner/choose_sandbox.h"

#include <utility>

#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/recommend.h"
#include "runner/docker_probe.h"
#include "runner/module_source.h"

namespace omnisandbox::runner {

std::string_view to_string(SandboxKind kind) noexcept {
  switch (kind) {
    case SandboxKind::wasm:
      return "wasm";
    case SandboxKind::process:
      return "process";
    case SandboxKind::docker:
      return "docker";
  }
  return "wasm";
}

SandboxKind choose_sandbox(std::optional<SandboxKind> asked_for, std::string_view target,
                           std::string_view image) noexcept {
  if (asked_for) {
    return *asked_for;
  }
  if (!image.empty()) {
    return SandboxKind::docker;
  }
  if (names_a_module(target)) {
    return SandboxKind::wasm;
  }
  return SandboxKind::process;
}

SandboxProbes standard_probes() {
  return {.process = [] { return probe_process_sandbox().available; },
          .docker = [] { return probe_docker().has_value(); }};
}

AutomaticChoice choose_automatically(std::string_view target, std::string_view image_option,
                                     std::string_view image_of_policy,
                                     const SandboxProbes& probes) {
  const Workload workload{.is_module = image_option.empty() && names_a_module(target),
                          .needs_dependencies = !image_option.empty()};
  MachineOffers offers;
  const bool is_native = !workload.is_module && !workload.needs_dependencies;
  offers.process = is_native && probes.process();
  const bool may_be_contained =
      workload.needs_dependencies || (is_native && !offers.process && !image_of_policy.empty());
  offers.docker = may_be_contained && probes.docker();
  Recommendation advice = recommend(workload, offers);
  const SandboxKind kind = advice.sandbox == SandboxChoice::docker    ? SandboxKind::docker
                           : advice.sandbox == SandboxChoice::process ? SandboxKind::process
                                                                      : SandboxKind::wasm;
  if (!advice.is_available && is_native && image_of_policy.empty()) {
    advice.reason =
        "a native command, and the kernel cannot confine one here; a policy that names "
        "docker.image can have it run in a container";
  }
  return {.kind = kind, .reason = std::move(advice.reason), .is_available = advice.is_available};
}

}  // namespace omnisandbox::runner
