#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runner/backend.h"

namespace omnisandbox::runner {

/// The sandbox for a target: the one that was asked for, else by what the target is. An image means
/// a container, a file name that ends in .wasm or .wat means a module, everything else is a native
/// command.
SandboxKind choose_sandbox(std::optional<SandboxKind> asked_for, std::string_view target,
                           std::string_view image) noexcept;

/// What this machine can do, asked only where the answer matters: each probe takes time.
struct SandboxProbes {
  std::function<bool()> process;
  std::function<bool()> docker;
};
SandboxProbes standard_probes();

/// `--sandbox auto`: what `recommend` says of the target on this machine. A module, or a command of
/// an image, has one sandbox that will do; a native command without one of its own goes to the
/// kernel's confinement, and where that cannot be had into a container, if the policy names an
/// image.
struct AutomaticChoice {
  SandboxKind kind = SandboxKind::wasm;
  std::string reason;
  bool is_available = true;
};
AutomaticChoice choose_automatically(std::string_view target, std::string_view image_option,
                                     std::string_view image_of_policy, const SandboxProbes& probes);

}  // namespace omnisandbox::runner
