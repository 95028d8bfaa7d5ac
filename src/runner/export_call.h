#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/policy.h"
#include "runner/isolation.h"

namespace omnisandbox::runner {

/// A call of an exported function, as a front end asks for it.
struct ExportRequest {
  std::string module_file;
  std::optional<std::string> function{};  ///< unset: list them
  std::vector<std::string> arguments_json{};
  IsolationChoice isolation = IsolationChoice::automatic;
  std::chrono::steady_clock::time_point deadline{};  ///< never later than the policy's own
  std::stop_token stop{};
};

/// An Error says that nothing was called. `audit` may be null.
Expected<ExportCall> call_export(const Policy& policy, const ExportRequest& request,
                                 std::shared_ptr<AuditSink> audit);

}  // namespace omnisandbox::runner
