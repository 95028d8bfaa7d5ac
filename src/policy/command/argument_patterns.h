#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"

namespace re2 {
class RE2;
}

namespace omnisandbox::policy {

/// The `arg_globs` and `arg_regexes` of one rule. Matching is linear in the argument's length,
/// whatever the pattern (RE2).
class ArgumentPatterns {
 public:
  ArgumentPatterns();
  ~ArgumentPatterns();
  ArgumentPatterns(ArgumentPatterns&&) noexcept;
  ArgumentPatterns& operator=(ArgumentPatterns&&) noexcept;

  /// `where` names the rule in messages. Errors: `invalid_argument` for a pattern that is none, or
  /// too large.
  static Expected<ArgumentPatterns> compile(const std::vector<std::string>& globs,
                                            const std::vector<std::string>& regexes,
                                            std::string_view where);

  bool empty() const noexcept { return patterns_.empty(); }
  /// Whether one of the patterns matches the whole argument. An argument that is not UTF-8 matches
  /// none.
  bool match(std::string_view argument) const;

 private:
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
};

/// A glob as an RE2 expression: "*" any characters ("/" as well), "?" one, "[a-z]" and "[!a-z]" one
/// of a set, "\" takes the next character as it is. Errors: `invalid_argument`.
Expected<std::string> glob_to_regex(std::string_view glob);

}  // namespace omnisandbox::policy
