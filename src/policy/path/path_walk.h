#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "policy/path/path_gate.h"
#include "policy/path/path_judge.h"

namespace omnisandbox::policy {

/// Where a path leads, found without the kernel following anything: a host path without links as
/// far as was seen.
struct WalkedPath {
  std::string path;
  bool last_is_link = false;  ///< only with FollowLast::no
};

/// What a walk makes of a name in the middle that does not exist, or is no folder: an error, as the
/// kernel does, or a step that text alone decides, to tell what the policy would say of it.
enum class MissingParts : std::uint8_t { are_an_error, are_passed };

/// Follows ".." and symbolic links one component at a time, reading each link through a handle on
/// the link itself. Looks at a component only where the policy lets the caller read or write it, so
/// a denial never tells what exists elsewhere. Its result is a guess: whoever opens it forbids the
/// kernel to follow links. One use only.
class PathWalk {
 public:
  PathWalk(const PathJudge& judge, const PathQuestion& question,
           MissingParts missing_parts = MissingParts::are_an_error)
      : judge_(judge), question_(question), missing_parts_(missing_parts) {}

  /// `path` as in PathText. Empty when something changed under the walk, which is to begin again.
  /// Errors: `denied`, `not_found` (a missing last component is none), `io`.
  Expected<std::optional<WalkedPath>> run(std::string_view path);

 private:
  enum class Step { done, changed };

  using PendingIterator = std::vector<std::string>::const_reverse_iterator;

  void push(std::string_view path);
  /// `path` and what is pending, from `rest` up to a "..", which is as far as text tells where it
  /// leads.
  std::string join_pending(std::string path, PendingIterator& rest) const;
  /// Whether a guest_path lies further on, so that the guest's folder is not what the host has
  /// there.
  bool leads_to_mount(const std::string& guest, const std::string& host) const;
  Expected<Step> go_up();
  Expected<Step> go_down(const std::string& name);
  Expected<Step> look(const PathRoot& root, std::string next,
                      std::optional<std::string> next_guest);
  Expected<Step> follow(const linux_::Fd& link, const PathRoot& root, const std::string& next);
  /// For what is not open: the way to a root, or a rule's own spelling; else the denial.
  Expected<Step> pass_by(std::string next, std::optional<std::string> next_guest);
  Expected<Step> missing(std::string next);

  const PathRoot* root_over(std::string_view canonical) const;
  bool follows_here() const;
  Error deny(std::string_view canonical) const;
  Error deny_leaving() const;
  Error too_many_links() const;

  const PathJudge& judge_;
  const PathQuestion& question_;
  const MissingParts missing_parts_;
  std::string position_;  // host path; empty where a guest's folder stands for no host folder
  std::optional<std::string> guest_position_;  // in guest view, until a link was followed
  std::vector<std::string> pending_;           // in reverse: the next component is the last one
  bool last_was_link_ = false;  // the path's last component was a link that was followed
  bool last_is_link_ = false;
  int links_followed_ = 0;
  int steps_ = 0;
  std::string link_;  // the last link that was followed, for people
  std::string link_target_;
};

/// The Denial for a path that leaves `PathQuestion::beneath`.
Denial leaving_denial(const PathQuestion& question);
/// The Denial for a name that no rule gives to guests.
Denial unknown_guest_name(const PathJudge& judge, const PathQuestion& question);

}  // namespace omnisandbox::policy
