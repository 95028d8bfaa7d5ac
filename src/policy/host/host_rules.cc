#include "policy/host/host_rules.h"

#include "base/error.h"

namespace omnisandbox::policy {

class HostRules::Index {};

HostRules::HostRules() noexcept = default;
HostRules::HostRules(HostRules&&) noexcept = default;
HostRules& HostRules::operator=(HostRules&&) noexcept = default;
HostRules::~HostRules() = default;

Expected<HostRules> HostRules::compile(const std::vector<HostRule>& rules) {
  if (rules.empty()) return HostRules();
  return base::make_error(ErrorKind::unavailable, "host rules are not understood by this build");
}

HostAnswer HostRules::judge(const CanonicalTarget& target, std::string_view) const {
  return HostAnswer{
      .allowed = false,
      .rule = {},
      .reason = fmt::format("no rule names the host {}", base::printable(target.host))};
}

HostAnswer HostRules::judge_tunnel(std::string_view canonical_host, std::uint16_t) const {
  return HostAnswer{
      .allowed = false,
      .rule = {},
      .reason = fmt::format("no rule names the host {}", base::printable(canonical_host))};
}

HostAnswer HostRules::judge_address(const CanonicalTarget& target, const HostAnswer&,
                                    const IpAddress&) const {
  return HostAnswer{
      .allowed = false,
      .rule = {},
      .reason = fmt::format("no rule names the host {}", base::printable(target.host))};
}

}  // namespace omnisandbox::policy
