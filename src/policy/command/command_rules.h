#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"

namespace omnisandbox::policy {

/// A command that a rule named, resolved to one trusted file when the policy was compiled.
struct ResolvedCommand {
  std::string name;   ///< as listed
  std::string path;   ///< the absolute path it resolved to, links followed
  linux_::Fd handle;  ///< O_PATH of that file; executed by this handle
  /// Identity and change stamps when resolved: an overwritten file is refused.
  std::uint64_t device = 0, inode = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
};

/// Whether a command that is refused would be allowed by one more rule that lists it.
enum class FurtherRule : std::uint8_t {
  is_no_help,           ///< it is no command's name, or its file is absent or not trusted
  allows,               ///< as far as can be told without looking for a file
  allows_trusted_file,  ///< the same, for an absolute path
};

struct CommandAnswer {
  bool allowed = false;
  const ResolvedCommand* command =
      nullptr;  ///< set when allowed, but for "*" rules: `resolve_trusted_command` finds those
  const CommandRule* options =
      nullptr;  ///< working folder, environment, limits of the rule that decided
  std::string_view rule;
  std::string reason;
  FurtherRule further_rule = FurtherRule::is_no_help;  ///< when refused
  bool arguments_decided = false;  ///< when refused: a rule lists the command, for other arguments
};

/// The compiled `allowed_commands`. A bare name is looked up once in `search_path`; the file and
/// each folder above must be owned by root or the user and not writable by group or others (sticky
/// or not), and lie under no path that the policy can write. Immutable; judging does no I/O, and
/// its cost does not grow with the number of commands that are listed.
class CommandRules {
 public:
  /// Allows nothing.
  CommandRules();
  ~CommandRules();
  CommandRules(CommandRules&&) noexcept;
  CommandRules& operator=(CommandRules&&) noexcept;

  /// `writable_roots`: canonical paths of the folders and files that the policy opens for writing.
  static Expected<CommandRules> compile(const Config& config,
                                        std::span<const std::string> writable_roots,
                                        std::vector<PolicyWarning>& warnings);

  /// Of several rules that allow, the first listed answers; a rule that names the command goes
  /// before "*".
  CommandAnswer judge(std::string_view command, std::span<const std::string> args) const;
  /// Inside a container a command matches by the name or path that is written in the rule.
  CommandAnswer judge_by_name(std::string_view command, std::span<const std::string> args) const;

  /// For a command that a "*" rule allowed: finds the file now, under the same conditions of trust.
  /// Does I/O. Errors: `not_found`; `denied` for a file that is not trusted; `invalid_argument` for
  /// a name that is no command.
  Expected<ResolvedCommand> resolve_trusted_command(std::string_view command) const;

  /// Whether a "*" rule, which means trusted commands, covers a file that another layer's rule
  /// found: not where this layer's policy can write. Does no I/O.
  bool star_covers(const ResolvedCommand& command) const;

  /// Every resolved command, for deriving what may be executed inside.
  const std::vector<std::unique_ptr<ResolvedCommand>>& commands() const noexcept {
    return commands_;
  }

  static constexpr std::string_view search_path =
      "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

 private:
  struct Index;
  std::vector<std::unique_ptr<ResolvedCommand>> commands_;  // unique_ptr: answers point into it
  std::unique_ptr<Index> index_;                            // null: no rules
};

}  // namespace omnisandbox::policy
