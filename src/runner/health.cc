#include "runner/health.h"

#include <fmt/format.h>

#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "linux/kernel_probes.h"
#include "omnisandbox/process_sandbox.h"
#include "omnisandbox/runtime.h"
#include "runner/docker_probe.h"
#include "runner/standard_backends.h"

namespace omnisandbox::runner {
namespace {

LayerHealth layer(std::string name, const Expected<void>& probed, std::string found,
                  std::string remedy) {
  if (probed) {
    return {.name = std::move(name), .available = true, .detail = std::move(found), .remedy = {}};
  }
  return {.name = std::move(name),
          .available = false,
          .detail = probed.error().message,
          .remedy = std::move(remedy)};
}

template <class T>
Expected<void> without_value(const Expected<T>& probed) {
  return probed ? Expected<void>() : Expected<void>(probed.error());
}

Expected<void> run_empty_module() {
  constexpr std::string_view module = R"((module (func (export "_start"))))";
  // As the command line runs modules.
  auto runtime = Runtime::create(Config{}, RuntimeOptions{.isolation = Isolation::worker});
  if (!runtime) {
    return std::move(runtime).error();
  }
  auto result = runtime->run(std::as_bytes(std::span(module)), RunOptions{});
  if (!result) {
    return std::move(result).error();
  }
  if (result->status != Status::ok) {
    return base::make_error(ErrorKind::internal, "an empty module ended with the status {}",
                            to_string(result->status));
  }
  return {};
}

SandboxHealth sandbox(const Runner& runner, SandboxKind kind, const Expected<void>& probed,
                      std::string found) {
  if (!runner.offers(kind)) {
    return {.kind = kind,
            .available = false,
            .detail = fmt::format("this build has no {} sandbox", to_string(kind)),
            .remedy = "run the tool as a WebAssembly module"};
  }
  if (!probed) {
    return {.kind = kind,
            .available = false,
            .detail = probed.error().message,
            .remedy = "see the layers below"};
  }
  return {.kind = kind, .available = true, .detail = std::move(found), .remedy = {}};
}

// By running a command, so that what is said is what a run has.
SandboxHealth process_sandbox(const Runner& runner, const ProcessSandboxProbe& probe) {
  const std::string missing = fmt::format("{}", fmt::join(probe.missing, "; "));
  if (!runner.offers(SandboxKind::process) || !probe.available) {
    return sandbox(runner, SandboxKind::process,
                   base::make_error(ErrorKind::unavailable, "{}", missing), {});
  }
  return {.kind = SandboxKind::process,
          .available = true,
          .detail = fmt::format("{}", fmt::join(probe.layers, ", ")),
          .remedy = missing};
}

SandboxHealth docker_sandbox(const Runner& runner, const Expected<docker::EngineReport>& engine) {
  SandboxHealth health =
      sandbox(runner, SandboxKind::docker, without_value(engine), engine ? engine->summary : "");
  if (health.available) {
    health.remedy = fmt::format("{}", fmt::join(engine->warnings, "; "));
  }
  return health;
}

}  // namespace

Health inspect(const Runner& runner) {
  Health health;
  const auto namespaces = linux_::probe_namespaces();
  const auto mounts = linux_::probe_private_mounts();
  const auto landlock = linux_::probe_landlock();
  const auto seccomp = linux_::probe_seccomp_filter();
  const auto cgroups = linux_::probe_cgroups();
  const auto docker = probe_docker();
  const auto certificates = certificate_authorities();
  // Last: the engine starts threads, and the probes above fork.
  const auto wasm = run_empty_module();

  health.layers = {
      layer("openat2", linux_::probe_openat2(),
            "paths are resolved beneath their folder by the kernel",
            "Linux 5.6 or later; in a container, a seccomp profile that allows openat2"),
      layer("user namespaces", namespaces, "with mount, pid, ipc, uts and network namespaces",
            "sysctl user.max_user_namespaces above 0 (Debian: kernel.unprivileged_userns_clone=1); "
            "in a "
            "container, a seccomp profile that allows unshare (docs/inside_containers.md)"),
      layer("private mounts", mounts, "a mount inside of new namespaces",
            "on Ubuntu, an AppArmor profile for omnisandbox with \"userns,\""),
      layer("Landlock", without_value(landlock),
            fmt::format("version {}", landlock ? *landlock : 0),
            "Linux 5.13 or later with landlock in the kernel's lsm= list"),
      layer("seccomp", seccomp, "system-call filters", "a kernel with CONFIG_SECCOMP_FILTER"),
      layer("cgroups", without_value(cgroups),
            cgroups ? fmt::format("{} with {}", cgroups->folder, cgroups->controllers) : "",
            "cgroup v2 with a delegated folder: systemd-run --user --scope -p Delegate=yes "
            "omnisandbox …"),
      layer(
          "container engine", without_value(docker), docker ? docker->summary : "",
          "start the engine, or name it with DOCKER_HOST; the user needs the right to its socket"),
      layer("certificate authorities", without_value(certificates), certificates.value_or(""),
            "install the package ca-certificates; https needs it"),
  };
  const ProcessSandboxProbe process = probe_process_sandbox();
  health.sandboxes = {
      sandbox(runner, SandboxKind::wasm, wasm,
              fmt::format("{}, in worker processes or in-process", wasm_engine_version())),
      process_sandbox(runner, process),
      docker_sandbox(runner, docker),
  };
  return health;
}

}  // namespace omnisandbox::runner
