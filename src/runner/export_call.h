#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/policy.h"
#include "runner/isolation.h"
#include "runner/module_source.h"

namespace omnisandbox::runner {

/// A call of an exported function, as a front end asks for it.
struct ExportRequest {
  std::string module_file;
  std::optional<std::string> function{};  ///< unset: list them
  std::vector<std::string> arguments_json{};
  IsolationChoice isolation = IsolationChoice::automatic;
  std::chrono::steady_clock::time_point deadline{};  ///< never later than the policy's own
  /// The caller's own limit, shorter than the policy's. The deadline is what holds; this is its
  /// name.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
  /// The module is compiled, or came from the cache; from the calling thread.
  std::function<void()> on_compiled{};
};

/// Exports that a front end keeps, to call them often.
struct ExportsToLoad {
  LoadableModule module;
  IsolationChoice isolation = IsolationChoice::automatic;
  std::chrono::steady_clock::time_point deadline{};  ///< never later than the policy's own
  std::stop_token stop{};
};

/// Compiles them, or takes them from the user's cache. `audit` and `commands` may be null.
Expected<ModuleExports> load_exports(const Policy& policy, const ExportsToLoad& what,
                                     std::shared_ptr<AuditSink> audit,
                                     std::shared_ptr<CommandRunner> commands);

/// An Error says that nothing was called. `audit` may be null.
Expected<ExportCall> call_export(const Policy& policy, const ExportRequest& request,
                                 const std::shared_ptr<AuditSink>& audit);

}  // namespace omnisandbox::runner
