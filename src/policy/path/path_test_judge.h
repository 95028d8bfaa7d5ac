#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "policy/path/path_judge.h"

namespace omnisandbox::policy {

/// The rules of one policy without layers, as a PathJudge. For tests only.
class RulesJudge final : public PathJudge {
 public:
  RulesJudge(PathRules rules, const Config& config)
      : rules_(std::move(rules)),
        reads_(has(config, Capability::fs_read)),
        writes_(has(config, Capability::fs_write)),
        hard_links_(config.allow_hard_links) {}

  tl::expected<PathGrant, Denial> judge_path(std::string_view canonical, PathUse use,
                                             std::string_view asked_as) const override {
    const bool reading = use == PathUse::read;
    const PathAnswer answer = rules_.judge(canonical);
    const bool allowed = reading ? reads_ && answer.access != PathAccess::none
                                 : writes_ && answer.access == PathAccess::read_write;
    const bool moves = use != PathUse::move || rules_.rule_below(canonical).empty();
    if (allowed && moves && answer.root != nullptr) {
      return PathGrant{answer.root, answer.rule};
    }
    return tl::unexpected(Denial{.capability = reading ? Capability::fs_read : Capability::fs_write,
                                 .resource = std::string(asked_as),
                                 .rule = std::string(answer.rule),
                                 .reason = std::string(answer.reason),
                                 .remedy = {}});
  }
  std::optional<std::string> host_path_of(std::string_view guest_path) const override {
    return rules_.host_path_of(guest_path);
  }
  std::optional<std::string> resolve_spelling(std::string_view path) const override {
    auto canonical = rules_.resolve_spelling(path);
    // As CompiledPolicy: what a rule spells as it is leads nowhere else.
    return canonical == path ? std::nullopt : canonical;
  }
  bool is_above_root(std::string_view canonical) const override {
    return rules_.is_above_root(canonical);
  }
  bool may_take_away_below(std::string_view canonical) const override {
    return rules_.may_take_away_below(canonical);
  }
  bool allows_hard_links() const noexcept override { return hard_links_; }

 private:
  static bool has(const Config& config, Capability capability) {
    return std::count(config.capabilities.begin(), config.capabilities.end(), capability) > 0;
  }

  PathRules rules_;
  bool reads_;
  bool writes_;
  bool hard_links_;
};

}  // namespace omnisandbox::policy
