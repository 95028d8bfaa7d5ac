#include "omnisandbox/policy.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"
#include "policy/compiled_policy.h"
#include "policy/path/path_gate.h"

namespace omnisandbox {
namespace {

Explanation refusal(Denial denial) {
  return Explanation{.allowed = false,
                     .capability = denial.capability,
                     .resource = std::move(denial.resource),
                     .rule = std::move(denial.rule),
                     .reason = std::move(denial.reason),
                     .remedy = std::move(denial.remedy)};
}

Explanation grant(Capability capability, std::string_view resource, std::string_view rule,
                  std::string reason) {
  return Explanation{.allowed = true,
                     .capability = capability,
                     .resource = std::string(resource),
                     .rule = std::string(rule),
                     .reason = std::move(reason),
                     .remedy = {}};
}

Explanation malformed(Capability capability, std::string_view resource, std::string reason) {
  return Explanation{.allowed = false,
                     .capability = capability,
                     .resource = std::string(resource),
                     .rule = {},
                     .reason = std::move(reason),
                     .remedy = {}};
}

// Drops ".", empty parts and a trailing slash; ".." takes the part before it. For names of files
// that do not exist, where there is no link to follow.
std::string lexically_canonical(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part == "..") {
      if (!parts.empty()) {
        parts.pop_back();
      }
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string result;
  for (const std::string_view part : parts) {
    result += '/';
    result += part;
  }
  return result.empty() ? "/" : result;
}

Explanation explain_path(const policy::CompiledPolicy& compiled, Capability capability,
                         std::string_view path) {
  const auto use =
      capability == Capability::fs_write ? policy::PathUse::write : policy::PathUse::read;
  if (!path.starts_with('/')) {
    return malformed(capability, path, "a path is absolute: it begins with \"/\"");
  }
  // The gate looks at the file system only inside what is allowed, and follows links as a real call
  // would.
  const auto located = policy::PathGate(compiled).locate({.path = path, .use = use});
  if (located) {
    std::string reason = use == policy::PathUse::write ? "the rule opens it for reading and writing"
                                                       : "the rule opens it for reading";
    if (located->canonical != lexically_canonical(path)) {
      reason += fmt::format("; it leads to {}", base::printable(located->canonical));
    }
    return grant(capability, path, located->rule, std::move(reason));
  }
  if (located.error().denial) {
    return refusal(*located.error().denial);
  }
  if (located.error().kind == ErrorKind::invalid_argument) {
    return malformed(capability, path, located.error().message);
  }
  // Something on the way is missing, or links go round: the name to which it leads is judged as far
  // as it can be told, so that the answer is the one that holds once the name exists.
  const auto leads_to = policy::PathGate(compiled).trace({.path = path, .use = use});
  if (!leads_to && leads_to.error().denial) {
    return refusal(*leads_to.error().denial);
  }
  const auto judged =
      compiled.judge_path(leads_to ? *leads_to : lexically_canonical(path), use, path);
  if (!judged) {
    return refusal(judged.error());
  }
  return grant(capability, path, judged->rule,
               fmt::format("the rule opens it; now: {}", located.error().message));
}

Explanation explain_request(const policy::CompiledPolicy& compiled, std::string_view resource) {
  std::string_view method = "GET";
  std::string_view url = resource;
  if (const std::size_t space = resource.find(' '); space != std::string_view::npos) {
    method = resource.substr(0, space);
    url = resource.substr(space + 1);
  }
  // "CONNECT host:port", as a client asks a proxy for a tunnel.
  const bool is_tunnel = method == "CONNECT";
  const bool is_authority = is_tunnel && url.find("://") == std::string_view::npos;
  const auto target =
      policy::canonicalise_url(is_authority ? fmt::format("https://{}/", url) : std::string(url));
  if (!target) {
    return malformed(Capability::net_http, resource, target.error().message);
  }
  const auto judged = is_tunnel ? compiled.judge_tunnel(*target, resource)
                                : compiled.judge_request(*target, method, resource);
  if (!judged) {
    return refusal(judged.error());
  }
  std::string reason =
      is_tunnel ? "the rule allows a tunnel for TLS to that host" : "the rule allows it";
  if (!target->host_is_address) {
    reason += "; the addresses of the name are judged when the connection is made";
  }
  return grant(Capability::net_http, resource, judged->rule, std::move(reason));
}

Explanation explain_command(const policy::CompiledPolicy& compiled, std::string_view resource) {
  std::vector<std::string> words;
  std::string_view rest = resource;
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    if (space != 0) {
      words.emplace_back(rest.substr(0, space));
    }
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  }
  if (words.empty()) {
    return malformed(Capability::exec_run, resource, "a command is a name or an absolute path");
  }
  const std::string command = std::move(words.front());
  words.erase(words.begin());
  const auto judged = compiled.judge_command(command, words);
  if (!judged) {
    return refusal(judged.error());
  }
  if (judged->command != nullptr) {
    return grant(
        Capability::exec_run, resource, judged->rule,
        fmt::format("the rule allows it; it runs {}", base::printable(judged->command->path)));
  }
  // Only "*" rules allow it: a run looks the file up, and so does the answer.
  const auto found = compiled.commands().resolve_trusted_command(command);
  if (!found && found.error().denial) {
    return refusal(*found.error().denial);
  }
  return grant(Capability::exec_run, resource, judged->rule,
               fmt::format("the rule allows every trusted command; {}",
                           found ? fmt::format("it runs {}", base::printable(found->path))
                                 : fmt::format("now: {}", found.error().message)));
}

}  // namespace

Expected<Policy> Policy::compile(Config config) {
  return Policy(TRY(policy::CompiledPolicy::compile(std::move(config), nullptr)));
}

Expected<Policy> Policy::narrow(Config narrower) const {
  return Policy(TRY(policy::CompiledPolicy::compile(std::move(narrower), compiled_)));
}

bool Policy::has(Capability capability) const noexcept { return compiled_->has(capability); }

Explanation Policy::explain(Capability capability, std::string_view resource) const {
  switch (capability) {
    case Capability::fs_read:
    case Capability::fs_write:
      return explain_path(*compiled_, capability, resource);
    case Capability::net_http:
      return explain_request(*compiled_, resource);
    case Capability::exec_run:
      return explain_command(*compiled_, resource);
  }
  return malformed(capability, resource, "there is no such capability");
}

const std::vector<PolicyWarning>& Policy::warnings() const noexcept {
  return compiled_->warnings();
}

const Config& Policy::config() const noexcept { return compiled_->config(); }

}  // namespace omnisandbox
