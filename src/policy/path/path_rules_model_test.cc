#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/test_effort.h"
#include "policy/path/name_patterns.h"
#include "policy/path/path_rules.h"
#include "policy/path/path_test_folder.h"

namespace omnisandbox::policy {
namespace {

std::vector<std::string> components_of(const std::string& path) {
  std::vector<std::string> components;
  std::istringstream stream(path);
  for (std::string component; std::getline(stream, component, '/');) {
    if (!component.empty()) {
      components.push_back(component);
    }
  }
  return components;
}

bool is_pattern(const PathRule& rule) { return rule.path.starts_with("**/"); }

/// The meaning of path rules, written down without a thought for speed: every rule is tried on
/// every beginning of the path.
class Model {
 public:
  explicit Model(std::vector<PathRule> rules) : rules_(std::move(rules)) {}

  PathAccess judge(const std::string& path) const {
    const auto components = components_of(path);
    PathAccess access = PathAccess::none;
    std::optional<std::size_t> longest;
    for (const PathRule& rule : rules_) {
      const auto of_rule = components_of(rule.path);
      if (is_pattern(rule) || of_rule.size() > components.size() ||
          !std::equal(of_rule.begin(), of_rule.end(), components.begin())) {
        continue;
      }
      if (!longest || of_rule.size() > *longest) {
        longest = of_rule.size();
        access = effective(rule);
      } else if (of_rule.size() == *longest) {
        access = std::min(access, effective(rule));
      }
    }
    if (!longest) {
      return PathAccess::none;
    }
    for (const PathRule& rule : rules_) {
      for (std::size_t end = std::max<std::size_t>(*longest, 1); end <= components.size(); ++end) {
        if (is_pattern(rule) && ends_with(components, end, components_of(rule.path.substr(2)))) {
          access = PathAccess::none;
        }
      }
    }
    return access;
  }

 private:
  static PathAccess effective(const PathRule& rule) {
    return rule.access == PathAccess::automatic ? PathAccess::read_write : rule.access;
  }
  static bool ends_with(const std::vector<std::string>& path, std::size_t end,
                        const std::vector<std::string>& pattern) {
    if (pattern.size() > end) {
      return false;
    }
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (!matches_wildcards(path[end - pattern.size() + i], pattern[i])) {
        return false;
      }
    }
    return true;
  }

  std::vector<PathRule> rules_;
};

class PathRulesModel : public testing::Test {
 protected:
  // Few names, so that rules and paths meet often.
  std::string some_name() {
    static const std::vector<std::string> names = {"a", "b", "ab", "a.x", "b.x", "abc"};
    return names[random_() % names.size()];
  }
  std::string some_pattern_name() {
    static const std::vector<std::string> names = {"a",  "b",   "*",  "?",  "a*",
                                                   "*x", "*b*", "a?", "a*c"};
    return names[random_() % names.size()];
  }
  std::string some_path(std::size_t most_components) {
    std::string path = folder_.path();
    for (std::size_t left = random_() % (most_components + 1); left > 0; --left) {
      path += "/" + some_name();
    }
    return path;
  }
  PathRule some_rule() {
    if (random_() % 4 == 0) {
      std::string pattern = "**";
      for (std::size_t left = 1 + random_() % 3; left > 0; --left) {
        pattern += "/" + some_pattern_name();
      }
      return {pattern, PathAccess::none};
    }
    const std::string path = some_path(4);
    const auto access = static_cast<PathAccess>(random_() % 4);
    if (access != PathAccess::none) {
      std::filesystem::create_directories(path);
    }
    return {path, access};
  }

  std::mt19937 random_{20'240'607};
  TestFolder folder_;
};

TEST_F(PathRulesModel, JudgesAsTheSlowModelDoes) {
  std::size_t open = 0;
  std::size_t closed = 0;
  for (int round = 0; round < test::rounds(50, 400); ++round) {
    std::vector<PathRule> rules;
    for (std::size_t left = 1 + random_() % 8; left > 0; --left) {
      rules.push_back(some_rule());
    }
    const auto compiled = PathRules::compile(Config{
        .capabilities = {Capability::fs_read, Capability::fs_write}, .allowed_paths = rules});
    ASSERT_TRUE(compiled) << compiled.error().message;
    const Model model(rules);
    for (int question = 0; question < 200; ++question) {
      const std::string path = some_path(6);
      const PathAnswer answer = compiled->judge(path);
      std::string all;
      for (const PathRule& rule : rules) {
        all += fmt::format("\n  {} {}", rule.path, static_cast<int>(rule.access));
      }
      ASSERT_EQ(answer.access, model.judge(path)) << path << all;
      const bool is_open = answer.access != PathAccess::none;
      (is_open ? open : closed) += 1;
      ASSERT_TRUE(!is_open || answer.root != nullptr);
      ASSERT_TRUE(is_open || answer.root == nullptr || !answer.rule.empty());
    }
  }
  EXPECT_GT(open, 1000U);
  EXPECT_GT(closed, 1000U);
}

}  // namespace
}  // namespace omnisandbox::policy
