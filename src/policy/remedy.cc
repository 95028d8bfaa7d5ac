#include "policy/remedy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

#include "base/utf8.h"
#include "policy/file/value_reader.h"
#include "policy/path/name_patterns.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

// Of a remedy's arguments: a line that is longer helps nobody.
constexpr std::size_t max_arguments_bytes = 512;

bool is_ascii_control(char character) {
  return static_cast<unsigned char>(character) < 0x20 || character == 0x7f;
}

// Whether a policy file can spell a path or a command.
bool can_be_written(std::string_view name) {
  return base::is_utf8(name) && std::none_of(name.begin(), name.end(), is_ascii_control);
}

// The rule that a text begins with: `allowed_paths[3] "/data" (read)`. Null for a built-in one.
const PathRule* rule_named(const Config& config, std::string_view text) {
  constexpr std::string_view list = "allowed_paths[";
  if (!text.starts_with(list)) {
    return nullptr;
  }
  text.remove_prefix(list.size());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && index < config.allowed_paths.size() ? &config.allowed_paths[index]
                                                                     : nullptr;
}

bool is_pattern(const PathRule& rule) { return rule.path.starts_with("**/"); }

// Such a pattern goes before a rule for the path; where it ends above, the rule is the longer one.
bool ends_with(std::string_view path, const PathRule& rule) {
  auto pattern = parse_name_pattern(rule.path);
  if (!pattern || path == "/") {
    return false;
  }
  NamePatterns patterns;
  patterns.add(*std::move(pattern));
  const auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
  return patterns.strictest_ending_at(path, depth, PatternSource::user) != nullptr;
}

// Whether the rule that decided is for the path itself: of two for one path the stricter counts. A
// rule that begins above decides there, too.
bool is_for_path(const RefusedPath& refused) {
  return refused.canonical == "/" ||
         refused.rules.judge(parent_of(refused.canonical)).rule != refused.answer.rule;
}

std::string host_pattern(const CanonicalTarget& target) {
  return yaml_spelling(fmt::format("{}://{}:{}", target.scheme, host_in_url(target), target.port));
}

}  // namespace

std::string path_remedy(const RefusedPath& refused) {
  const std::string_view access = refused.wanted == PathAccess::read ? "read" : "read_write";
  const std::string_view path = refused.canonical;
  if (const PathRule* rule = rule_named(refused.config, refused.answer.rule)) {
    if (is_pattern(*rule) ? ends_with(path, *rule) : is_for_path(refused)) {
      return is_pattern(*rule) ? fmt::format("a policy without {}", refused.answer.rule)
                               : fmt::format("access: {} in {}", access, refused.answer.rule);
    }
  }
  const PathRoot* root = refused.answer.root;
  const bool is_beneath_file = root != nullptr && !root->is_directory && root->path != path;
  // The last two: what no rule can spell.
  if (is_beneath_file || path.find_first_of("*?") != std::string_view::npos ||
      !can_be_written(path)) {
    return {};
  }
  return fmt::format(
      "allowed_paths: [{{path: {}, access: {}}}]{}", yaml_spelling(path), access,
      refused.wanted == PathAccess::read ? "" : "; the folder around, for what is yet to be made");
}

std::string command_remedy(const CommandAnswer& answer, std::string_view command,
                           std::span<const std::string> args) {
  if (answer.further_rule == FurtherRule::is_no_help || !can_be_written(command)) {
    return {};
  }
  std::string entry = yaml_spelling(command);
  std::size_t arguments_bytes = 0;
  for (const std::string& argument : args) {
    arguments_bytes += argument.size();
  }
  const bool can_name_arguments = arguments_bytes <= max_arguments_bytes &&
                                  std::all_of(args.begin(), args.end(), base::is_utf8);
  // Other rules limit the arguments: the new one opens no more than what was asked.
  if (answer.arguments_decided && !args.empty() && can_name_arguments) {
    std::vector<std::string> words;
    std::transform(args.begin(), args.end(), std::back_inserter(words), yaml_spelling);
    entry = fmt::format("{{command: {}, args: [{}]}}", entry, fmt::join(words, ", "));
  }
  return fmt::format("allowed_commands: [{}]{}", entry,
                     answer.further_rule == FurtherRule::allows_trusted_file
                         ? "; the file is root's or the user's, and nobody else can write it"
                         : "");
}

std::string request_remedy(const CanonicalTarget& target, std::string_view method) {
  if (method == "CONNECT") {
    return {};  // no request has it
  }
  if (method == "TRACE") {  // which a rule has to name
    return fmt::format("allowed_hosts: [{{host: {}, methods: [TRACE]}}]", host_pattern(target));
  }
  return fmt::format("allowed_hosts: [{}]", host_pattern(target));
}

std::string tunnel_remedy(const CanonicalTarget& target) {
  return fmt::format("allowed_hosts: [{}]", host_pattern(target));
}

std::string address_remedy(const CanonicalTarget& target, const IpAddress& address) {
  if (target.host_is_address) {
    return {};  // the socket leads to another one
  }
  return fmt::format("allowed_hosts: [{{host: {}, addresses: [{}]}}]", host_pattern(target),
                     yaml_spelling(address.to_string()));
}

}  // namespace omnisandbox::policy
