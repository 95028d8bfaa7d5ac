#pragma once

#include <memory>

#include "runner/backend.h"

namespace omnisandbox::runner {

/// Runs a module's file in the WebAssembly sandbox (Runtime).
class WasmBackend final : public Backend {
 public:
  SandboxKind kind() const noexcept override { return SandboxKind::wasm; }
  Expected<Result> run(const Policy& policy, const RunRequest& request,
                       std::shared_ptr<AuditSink> audit) const override;
};

}  // namespace omnisandbox::runner
