#include "policy/lint.h"

namespace omnisandbox {

std::vector<PolicyWarning> lint(const Config& config) {
  std::vector<PolicyWarning> warnings;
  if (config.capabilities.size() == all_capabilities.size()) {
    warnings.push_back({.where = "capabilities",
                        .message = "all four capabilities are granted",
                        .advice = "list those that the tool needs"});
  }
  return warnings;
}

std::vector<PolicyWarning> lint(const PolicyFile& file) { return lint(file.config); }

}  // namespace omnisandbox
