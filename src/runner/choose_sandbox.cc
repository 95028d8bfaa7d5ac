#include "runner/choose_sandbox.h"

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

}  // namespace omnisandbox::runner
