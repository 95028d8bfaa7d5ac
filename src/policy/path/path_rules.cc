#include "policy/path/path_rules.h"

namespace omnisandbox::policy {

struct PathRules::Index {};

PathRules::PathRules() = default;
PathRules::PathRules(PathRules&&) noexcept = default;
PathRules& PathRules::operator=(PathRules&&) noexcept = default;
PathRules::~PathRules() = default;

Expected<PathRules> PathRules::compile(const Config& /*config*/) { return PathRules(); }

PathAnswer PathRules::judge(std::string_view /*canonical*/) const { return {}; }
std::string_view PathRules::rule_below(std::string_view /*canonical*/) const { return {}; }
bool PathRules::is_above_root(std::string_view /*canonical*/) const { return false; }
std::optional<std::string> PathRules::host_path_of(std::string_view /*guest_path*/) const {
  return std::nullopt;
}
std::optional<std::string> PathRules::resolve_spelling(std::string_view /*path*/) const {
  return std::nullopt;
}

}  // namespace omnisandbox::policy
