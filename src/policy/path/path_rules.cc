#include "policy/path/path_rules.h"

#include <algorithm>

#include "policy/path/path_index.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

// The value of the longest path in `tree` that is `path` or lies above it, put in front of the rest
// of `path`.
std::optional<std::string> replace_beginning(const PrefixTree& tree,
                                             const std::vector<const PathRoot*>& roots,
                                             std::string_view path) {
  std::optional<PrefixTree::Node> node = PrefixTree::root;
  const PathRoot* root = nullptr;
  std::string_view beneath;
  std::string_view rest = path == "/" ? std::string_view() : path;
  while (node) {
    if (*node < roots.size() && roots[*node] != nullptr) {
      root = roots[*node];
      beneath = rest;
    }
    const std::string_view name = take_component(rest);
    if (name.empty()) {
      break;
    }
    node = tree.child(*node, name);
  }
  if (root == nullptr) {
    return std::nullopt;
  }
  if (beneath.empty()) {
    return root->path;
  }
  std::string result = root->path == "/" ? std::string() : root->path;
  result += beneath;
  return result;
}

PathAnswer weaken(PathAnswer answer, const NamePattern& pattern) {
  if (pattern.most < answer.access) {
    answer.access = pattern.most;
    answer.rule = pattern.text;
    answer.reason =
        pattern.most == PathAccess::none ? std::string_view(pattern.reason) : std::string_view();
  }
  return answer;
}

}  // namespace

PathRules::PathRules() : index_(std::make_unique<const Index>()) {}
PathRules::PathRules(PathRules&&) noexcept = default;
PathRules& PathRules::operator=(PathRules&&) noexcept = default;
PathRules::~PathRules() = default;

PathAnswer PathRules::judge(std::string_view canonical) const {
  const Index& index = *index_;
  // The longest absolute rule.
  const Index::Rule* rule = nullptr;
  const PathRoot* root = nullptr;
  std::size_t rule_depth = 0;
  std::size_t depth = 0;
  std::string_view rest = canonical;
  for (std::optional<PrefixTree::Node> node = PrefixTree::root;
       node && *node < index.nodes.size();) {
    if (const std::uint32_t found = index.nodes[*node].rule; found != Index::no_rule) {
      rule = &index.rules[found];
      rule_depth = depth;
      root = rule->root != nullptr ? rule->root : root;
    }
    const std::string_view name = take_component(rest);
    if (name.empty()) {
      break;
    }
    node = index.host_paths.child(*node, name);
    ++depth;
  }
  if (rule == nullptr) {
    return {};
  }
  PathAnswer answer{rule->access, root, rule->text, rule->reason};

  // Patterns that match at the rule's path or beneath it. A built-in secret yields to a rule that
  // is as long.
  depth = 0;
  std::size_t end = 0;
  while (canonical.size() > 1 && end < canonical.size() && answer.access != PathAccess::none) {
    end = std::min(canonical.find('/', end + 1), canonical.size());
    ++depth;
    if (depth < rule_depth) {
      continue;
    }
    const PatternSource sources =
        depth == rule_depth ? PatternSource::user : PatternSource::built_in;
    if (const NamePattern* pattern =
            index.patterns.strictest_ending_at(canonical.substr(0, end), depth, sources)) {
      answer = weaken(answer, *pattern);
    }
  }
  if (!rule->covers_beneath && depth > rule_depth) {
    answer.access = PathAccess::none;
    answer.reason = "the rule opens a single file, and nothing beneath it";
  }
  return answer;
}

std::string_view PathRules::rule_below(std::string_view canonical) const {
  const Index& index = *index_;
  if (const auto node = index.host_paths.find(canonical); node && *node < index.nodes.size()) {
    if (const std::uint32_t below = index.nodes[*node].rule_below; below != Index::no_rule) {
      return index.rules[below].text;
    }
  }
  const auto depth = canonical == "/" ? 0 : std::count(canonical.begin(), canonical.end(), '/');
  const NamePattern* begun = index.patterns.begun_at(canonical, static_cast<std::size_t>(depth));
  return begun == nullptr ? std::string_view() : std::string_view(begun->text);
}

bool PathRules::may_take_away_below(std::string_view canonical) const {
  return !index_->patterns.empty() || !rule_below(canonical).empty();
}

bool PathRules::is_above_root(std::string_view canonical) const {
  const auto node = index_->host_paths.find(canonical);
  return node && *node < index_->nodes.size() && index_->nodes[*node].is_above_root;
}

std::optional<std::string> PathRules::host_path_of(std::string_view guest_path) const {
  return replace_beginning(index_->guest_paths, index_->guest_roots, guest_path);
}

std::optional<std::string> PathRules::resolve_spelling(std::string_view path) const {
  return replace_beginning(index_->spellings, index_->spelled_roots, path);
}

}  // namespace omnisandbox::policy
