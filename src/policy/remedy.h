#pragma once

#include <span>
#include <string>
#include <string_view>

#include "omnisandbox/config.h"
#include "policy/command/command_rules.h"
#include "policy/host/canonical_url.h"
#include "policy/host/ip_address.h"
#include "policy/path/path_rules.h"

/// What a denial says would allow what was asked: a line of a policy file that can be added to it
/// as it stands, or the change of a rule that would go before such a line. Whoever follows it is
/// asked for nothing more by the same list. Empty where no line allows it.
namespace omnisandbox::policy {

/// A canonical path that the rules, which are compiled from the Config, do not open as far as is
/// wanted.
struct RefusedPath {
  const Config& config;
  const PathRules& rules;
  std::string_view canonical;
  const PathAnswer& answer;
  PathAccess wanted;
};
std::string path_remedy(const RefusedPath& refused);

/// For a command that was refused by `answer`.
std::string command_remedy(const CommandAnswer& answer, std::string_view command,
                           std::span<const std::string> args);

/// For a request to `target`, whose path and port it may be that no rule covers.
std::string request_remedy(const CanonicalTarget& target, std::string_view method);
/// For a tunnel to `target`.
std::string tunnel_remedy(const CanonicalTarget& target);
/// For a granted request to `target` that leads to `address`.
std::string address_remedy(const CanonicalTarget& target, const IpAddress& address);

}  // namespace omnisandbox::policy
