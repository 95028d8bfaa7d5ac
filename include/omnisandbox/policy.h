#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"

namespace omnisandbox {

namespace policy {
class CompiledPolicy;
}

/// The answer to "may I, and why?".
struct Explanation {
  bool allowed = false;
  Capability capability{};
  std::string resource;
  std::string rule;    ///< the rule that decided; empty when none matched
  std::string reason;  ///< one sentence
  std::string remedy;  ///< when refused: the policy line, or the change of one, that would allow
                       ///< it; empty where nothing can
};

/// Something that is valid and still worth a word: a listed command that is absent, a rule too
/// wide.
struct PolicyWarning {
  std::string where;    ///< e.g. `allowed_commands[0]`
  std::string message;  ///< what is wrong with it
  std::string advice;   ///< what to write instead
};

/// A Config after validation: immutable, cheap to copy, safe to use from any number of threads at
/// once. It holds the handles of its allowed folders and commands, so it must be compiled by the
/// process that uses it.
class Policy {
 public:
  /// Validates, opens the allowed folders and resolves the commands. Errors: `invalid_argument` for
  /// a rule that makes no sense, `not_found` for an allowed path that does not exist, `io` where
  /// one cannot be opened.
  static Expected<Policy> compile(Config config);

  /// This policy and `narrower` together: what either refuses is refused, and each limit is the
  /// smaller one. An empty allow-list in `narrower` therefore allows nothing.
  Expected<Policy> narrow(Config narrower) const;

  bool has(Capability capability) const noexcept;

  /// Answers without doing: `resource` is a path, a URL (or "METHOD URL"), or a command with its
  /// arguments separated by spaces. Never has an effect.
  Explanation explain(Capability capability, std::string_view resource) const;

  /// Found while compiling; `lint` finds more.
  const std::vector<PolicyWarning>& warnings() const noexcept;

  /// The Config this was compiled from; for a narrowed policy, the narrower one with the effective
  /// limits.
  const Config& config() const noexcept;

  /// For OmniSandbox's own sandboxes, which derive what they enforce from it.
  const policy::CompiledPolicy& compiled() const noexcept { return *compiled_; }

 private:
  explicit Policy(std::shared_ptr<const policy::CompiledPolicy> compiled)
      : compiled_(std::move(compiled)) {}
  // Shared: runs keep their policy alive while the caller may drop his copy.
  std::shared_ptr<const policy::CompiledPolicy> compiled_;
};

/// What is too wide in a policy, with what to write instead. Pure: reads only the Config.
std::vector<PolicyWarning> lint(const Config& config);

}  // namespace omnisandbox
