#pragma once

#include <string>
#include <vector>

#include "runner/runner.h"

namespace omnisandbox::runner {

/// One thing that a sandbox can be built of, and whether this machine has it.
struct LayerHealth {
  std::string name;
  bool available = false;
  std::string detail;  ///< what was found, or what was refused
  std::string remedy;  ///< how to get it; empty where it is there
};

/// One sandbox, and whether its first (strongest) tier is there.
struct SandboxHealth {
  SandboxKind kind = SandboxKind::wasm;
  bool available = false;
  std::string detail;
  std::string remedy;
};

struct Health {
  std::vector<SandboxHealth> sandboxes;
  std::vector<LayerHealth> layers;
};

/// Tries everything out and leaves nothing behind. Takes up to a few seconds where an engine does
/// not answer. Forks: call it only while the process has a single thread.
Health inspect(const Runner& runner);

}  // namespace omnisandbox::runner
