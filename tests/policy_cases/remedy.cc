#include "remedy.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>

#include "omnisandbox/policy_file.h"

namespace omnisandbox::policy_cases {
namespace {

// A capability, a rule of an outer layer and one of the narrower, and some to spare.
constexpr int max_proposals = 8;

// The list's rule that a text names first: `... allowed_paths[3] "..." ...`.
std::optional<std::size_t> path_rule_in(std::string_view text) {
  constexpr std::string_view list = "allowed_paths[";
  const std::size_t at = text.find(list);
  std::size_t index = 0;
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(at + list.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return error == std::errc() ? std::optional(index) : std::nullopt;
}

template <class T>
void append(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

// The config with the proposal done; empty when it is none that can be done mechanically.
std::optional<Config> changed(Config config, const std::string& remedy) {
  if (const auto index = path_rule_in(remedy); index && *index < config.allowed_paths.size()) {
    const auto rule = config.allowed_paths.begin() + static_cast<std::ptrdiff_t>(*index);
    if (remedy.starts_with("a policy without ")) {
      config.allowed_paths.erase(rule);
      return config;
    }
    if (remedy.starts_with("access: ")) {
      rule->access =
          remedy.starts_with("access: read_write ") ? PathAccess::read_write : PathAccess::read;
      return config;
    }
  }
  // What follows the line are words about it.
  const std::size_t words = remedy.rfind("]; ");
  const std::string line = words == std::string::npos ? remedy : remedy.substr(0, words + 1);
  const auto added = parse_policy_file("version: 1\n" + line, "remedy");
  if (!added) {
    return std::nullopt;
  }
  append(config.capabilities, added->config.capabilities);
  append(config.allowed_paths, added->config.allowed_paths);
  append(config.allowed_hosts, added->config.allowed_hosts);
  append(config.allowed_commands, added->config.allowed_commands);
  return config;
}

// Only what exists can be opened, and the error says so: "create it first". True where it was made.
bool make_missing(const Error& error) {
  namespace fs = std::filesystem;
  const fs::path path = error.resource;
  if (!error.resource.starts_with(fs::temp_directory_path().native() + "/")) {
    return false;
  }
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  return !failure && std::ofstream(path).is_open();
}

bool is_same(const Explanation& left, const Explanation& right) {
  return left.reason == right.reason && left.remedy == right.remedy && left.rule == right.rule;
}

}  // namespace

Expected<Policy> compile_layers(const std::vector<Config>& layers) {
  Expected<Policy> policy = Policy::compile(layers.front());
  for (std::size_t index = 1; index < layers.size() && policy; ++index) {
    policy = policy->narrow(layers[index]);
  }
  return policy;
}

std::string follow_remedies(std::vector<Config> layers, Capability capability,
                            const std::string& resource) {
  std::string followed;
  auto policy = compile_layers(layers);
  for (int proposals = 0; proposals < max_proposals; ++proposals) {
    if (!policy && policy.error().kind == ErrorKind::not_found) {
      if (!make_missing(policy.error())) {
        return {};  // not ours to make, or beneath a file
      }
      policy = compile_layers(layers);
    }
    if (!policy) {
      return followed + policy.error().message;
    }
    const Explanation answer = policy->explain(capability, resource);
    if (answer.allowed) {
      return {};
    }
    if (answer.remedy.empty()) {
      // Whether there is a file for a command is not known before it is looked for.
      const bool is_about_file = answer.reason.find("was absent") != std::string::npos ||
                                 answer.reason.find("not trusted") != std::string::npos;
      return followed.empty() || is_about_file ? "" : followed + "is not enough: " + answer.reason;
    }
    followed += answer.remedy + " | ";
    // An outer layer, where the denial says so; which one is seen by what changes.
    const bool is_outer = answer.reason.find("in the base policy") != std::string::npos;
    const std::size_t end = is_outer ? layers.size() - 1 : layers.size();
    bool is_of_use = false;
    for (std::size_t index = is_outer ? 0 : end - 1; index < end && !is_of_use; ++index) {
      const std::optional<Config> config = changed(layers[index], answer.remedy);
      if (!config) {
        return followed + "cannot be followed";
      }
      std::vector<Config> tried = layers;
      tried[index] = *config;
      auto next = compile_layers(tried);
      if (!next || !is_same(next->explain(capability, resource), answer)) {
        is_of_use = true;
        layers = std::move(tried);
        policy = std::move(next);
      }
    }
    if (!is_of_use) {
      return followed + "changes nothing: " + answer.reason;
    }
  }
  return followed + "and so on";
}

}  // namespace omnisandbox::policy_cases
