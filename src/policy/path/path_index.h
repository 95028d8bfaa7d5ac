#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/path/name_patterns.h"
#include "policy/path/path_rules.h"
#include "policy/path/prefix_tree.h"

namespace omnisandbox::policy {

/// What PathRules looks things up in; made once by PathRules::compile.
struct PathRules::Index {
  /// An absolute rule, after all rules for the same path became one.
  struct Rule {
    PathAccess access = PathAccess::none;
    const PathRoot* root = nullptr;  ///< null: the rule opens nothing
    bool covers_beneath = true;      ///< false: a single file
    std::string text;
    std::string reason;  ///< where access is `none`
  };
  static constexpr std::uint32_t no_rule = UINT32_MAX;
  struct Node {
    std::uint32_t rule = no_rule;        ///< index into `rules`
    std::uint32_t rule_below = no_rule;  ///< one that opens for reading at most
    bool is_above_root = false;
  };

  PrefixTree host_paths;
  std::vector<Node> nodes;  ///< of `host_paths`
  std::vector<Rule> rules;
  NamePatterns patterns;

  PrefixTree guest_paths;
  std::vector<const PathRoot*> guest_roots;  ///< of `guest_paths`; null: no rule has this name
  PrefixTree spellings;
  std::vector<const PathRoot*> spelled_roots;  ///< of `spellings`
};

}  // namespace omnisandbox::policy
