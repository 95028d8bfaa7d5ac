#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "policy/command/command_rules.h"

namespace omnisandbox::policy {

/// The part of the file system that a policy may write, for asking about one path at a time. The
/// longest rule decides, so that "/usr" for reading inside "/" for writing is not writable.
class WritableArea {
 public:
  WritableArea(const Config& config, std::span<const std::string> writable_roots);
  /// Whether the policy can write `path` (canonical), or replace a folder above it.
  bool covers(std::string_view path) const;

 private:
  // Canonical folder or file → whether it is writable. Asked once for each folder above a path, not
  // once for each rule.
  std::unordered_map<std::string, bool> roots_;
};

/// Finds the files that may be executed: reached over trusted steps only. A file, a folder and a
/// symbolic link are trusted when root or the effective user owns them, when group and others
/// cannot write them, and when the policy cannot write them.
class CommandFinder {
 public:
  struct Finding {
    enum class State : std::uint8_t { found, absent, untrusted };
    State state = State::absent;
    ResolvedCommand command{};  ///< when found; `name` is empty
    std::vector<std::string>
        spellings;  ///< when found: absolute paths that name this file and keep its last component
    std::string problem;  ///< when untrusted, or when an untrusted file was passed over: a sentence
  };

  /// Looks the folders of CommandRules::search_path up.
  static Expected<CommandFinder> create(const Config& config,
                                        std::span<const std::string> writable_roots);

  /// `name` as check_command_name accepts it. Errors only where the system itself fails (no
  /// descriptors left).
  Expected<Finding> find(std::string_view name) const;

  /// Whether the policy can write the canonical `path`, or replace a folder above it. Does no I/O.
  bool policy_can_write(std::string_view path) const { return writable_.covers(path); }

 private:
  struct SearchFolder {
    std::string canonical;
    std::vector<std::string>
        spellings;  ///< the same folder as it stands in the search path, links unresolved
  };
  /// A folder on the way, or the file at its end.
  struct Step {
    linux_::Fd handle;
    std::string path;
  };
  struct Walk;

  explicit CommandFinder(WritableArea writable, uid_t user)
      : writable_(std::move(writable)), user_(user) {}

  Expected<void> add_search_folder(std::string_view path);
  Expected<Finding> find_bare(std::string_view name) const;
  Expected<Finding> find_absolute(std::string_view path) const;
  Expected<Walk> walk_from_root() const;
  Expected<void> take_component(Walk& walk) const;
  void check_folder(Walk& walk) const;
  void judge_file(Walk& walk, Finding& finding) const;

  WritableArea writable_;
  uid_t user_;  // effective, when the policy was compiled
  std::vector<SearchFolder> search_folders_;
};

/// Why `name` is no command's name: empty when it is one (a bare name, or an absolute path without
/// ".", ".." or "//").
std::string problem_of_command_name(std::string_view name);

}  // namespace omnisandbox::policy
