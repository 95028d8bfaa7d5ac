#include "policy/path/path_walk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "policy/limits.h"
#include "policy/path/path_open.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

// As many components as two paths of the greatest length have. Links that multiply each other's
// components cost no more.
constexpr int max_steps = 4096;

Capability capability_for(PathUse use) {
  return use == PathUse::read ? Capability::fs_read : Capability::fs_write;
}

bool is_strictly_beneath(std::string_view path, std::string_view folder) {
  return path != folder && is_at_or_beneath(path, folder);
}

}  // namespace

Denial leaving_denial(const PathQuestion& question) {
  return Denial{.capability = capability_for(question.use),
                .resource = std::string(question.path),
                .rule = {},
                .reason = fmt::format("it leaves the folder \"{}\", to which it is relative",
                                      base::printable(question.beneath)),
                .remedy = {}};
}

Denial unknown_guest_name(const PathJudge& judge, const PathQuestion& question) {
  // What stands in the way of the same host path stands in the way here, a missing capability too.
  auto judged = judge.judge_path(question.path, question.use, question.path);
  if (!judged) {
    return std::move(judged).error();
  }
  return Denial{.capability = capability_for(question.use),
                .resource = std::string(question.path),
                .rule = {},
                .reason = "no rule of allowed_paths gives guests a file or folder of this name",
                .remedy = fmt::format("allowed_paths: [{{path: HOST_PATH, guest_path: {}}}]",
                                      base::printable(question.path))};
}

Expected<std::optional<WalkedPath>> PathWalk::run(std::string_view path) {
  position_ = "/";
  if (question_.view == PathView::guest) {
    guest_position_ = "/";
    position_ = judge_.host_path_of("/").value_or("");
  }
  push(path);
  while (!pending_.empty()) {
    if (++steps_ > max_steps) {
      return too_many_links();
    }
    const std::string name = std::move(pending_.back());
    pending_.pop_back();
    const Step step = TRY(name == ".." ? go_up() : go_down(name));
    if (step == Step::changed) {
      return std::optional<WalkedPath>();
    }
  }
  if (position_.empty()) {
    return Error::from_denial(unknown_guest_name(judge_, question_));
  }
  return std::optional(WalkedPath{.path = std::move(position_), .last_is_link = last_is_link_});
}

void PathWalk::push(std::string_view path) {
  // Backwards, since the next component is the last one.
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    if (!name.empty() && name != ".") {
      pending_.emplace_back(name);
    }
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
}

Expected<PathWalk::Step> PathWalk::go_up() {
  if (guest_position_) {
    guest_position_ = std::string(parent_of(*guest_position_));
    position_ = judge_.host_path_of(*guest_position_).value_or("");
    return Step::done;
  }
  if (!question_.beneath.empty() && !is_strictly_beneath(position_, question_.beneath)) {
    return deny_leaving();
  }
  position_ = parent_of(position_);
  if (root_over(position_) == nullptr && !judge_.is_above_root(position_)) {
    return deny(position_);
  }
  return Step::done;
}

Expected<PathWalk::Step> PathWalk::go_down(const std::string& name) {
  std::string next;
  std::optional<std::string> next_guest;
  if (guest_position_) {
    next_guest = join(*guest_position_, name);
    next = judge_.host_path_of(*next_guest).value_or("");
    if (next.empty() || leads_to_mount(*next_guest, next)) {
      // A folder that only leads to the guest's names, whether or not the host has one like it.
      guest_position_ = std::move(next_guest);
      position_ = std::move(next);
      return Step::done;
    }
  } else {
    next = join(position_, name);
  }
  if (next.size() > max_path_bytes) {
    return Error::from_errno(ENAMETOOLONG, "path", question_.path);
  }
  if (!question_.beneath.empty() && !is_at_or_beneath(next, question_.beneath) &&
      !is_at_or_beneath(question_.beneath, next)) {
    return deny_leaving();
  }
  const PathRoot* root = root_over(next);
  return root == nullptr ? pass_by(std::move(next), std::move(next_guest))
                         : look(*root, std::move(next), std::move(next_guest));
}

bool PathWalk::leads_to_mount(const std::string& guest, const std::string& host) const {
  PendingIterator rest = pending_.rbegin();
  PendingIterator same_rest = pending_.rbegin();
  return judge_.host_path_of(join_pending(guest, rest)) != join_pending(host, same_rest);
}

std::string PathWalk::join_pending(std::string path, PendingIterator& rest) const {
  for (; rest != pending_.rend() && *rest != ".."; ++rest) {
    path = join(path, *rest);
  }
  return path;
}

Expected<PathWalk::Step> PathWalk::look(const PathRoot& root, std::string next,
                                        std::optional<std::string> next_guest) {
  const auto file = open_exactly(root, next, O_PATH | O_NOFOLLOW);
  if (!file) {
    switch (file.error().system_errno) {
      case ENOENT:
        return missing(std::move(next));
      case ELOOP:
        return Step::changed;
      case ENOTDIR:
      case EACCES:
        // Beneath a file, or beneath what this user may not search, there is nothing to see.
        if (missing_parts_ == MissingParts::are_passed) {
          return missing(std::move(next));
        }
        return file.error();
      default:
        return file.error();
    }
  }
  const auto status = TRY(linux_::stat_of(*file));
  if (S_ISLNK(status.st_mode)) {
    if (follows_here()) {
      return follow(*file, root, next);
    }
    last_is_link_ = true;
  } else if (!pending_.empty() && !S_ISDIR(status.st_mode) &&
             missing_parts_ == MissingParts::are_an_error) {
    return Error::from_errno(ENOTDIR, "openat2", next);
  }
  position_ = std::move(next);
  guest_position_ = std::move(next_guest);
  return Step::done;
}

Expected<PathWalk::Step> PathWalk::follow(const linux_::Fd& link, const PathRoot& root,
                                          const std::string& next) {
  if (++links_followed_ > max_symlinks_followed) {
    return too_many_links();
  }
  if (is_magic_link(link, root, next)) {
    Denial denial{.capability = capability_for(question_.use),
                  .resource = std::string(question_.path),
                  .rule = {},
                  .reason = fmt::format("\"{}\" is a link of /proc that leads to an open file and "
                                        "not along a name; such links are never followed",
                                        base::printable(next)),
                  .remedy = {}};
    return Error::from_denial(std::move(denial));
  }
  // Through the handle on the link itself: a name could be another link by now.
  std::string target = TRY(linux_::read_link_at(link, ""));
  last_was_link_ |= pending_.empty();
  if (guest_position_) {
    // From here on the names are the host's: that is what the text of a link is made of.
    guest_position_.reset();
  }
  position_ = target.starts_with('/') ? std::string_view("/") : parent_of(next);
  push(target);
  link_ = next;
  link_target_ = std::move(target);
  return Step::done;
}

Expected<PathWalk::Step> PathWalk::pass_by(std::string next,
                                           std::optional<std::string> next_guest) {
  if (judge_.is_above_root(next)) {
    position_ = std::move(next);
    guest_position_ = std::move(next_guest);
    return Step::done;
  }
  PendingIterator rest = pending_.rbegin();
  const std::string whole = join_pending(next, rest);
  if (const auto canonical = judge_.resolve_spelling(whole)) {
    if (++links_followed_ > max_symlinks_followed) {
      return too_many_links();
    }
    pending_.resize(static_cast<std::size_t>(pending_.rend() - rest));
    position_ = "/";
    guest_position_.reset();
    push(*canonical);
    return Step::done;
  }
  return deny(rest == pending_.rend() ? whole : next);
}

Expected<PathWalk::Step> PathWalk::missing(std::string next) {
  const bool is_last = pending_.empty();
  if (last_was_link_ && question_.use != PathUse::read) {
    Denial denial{.capability = capability_for(question_.use),
                  .resource = std::string(question_.path),
                  .rule = {},
                  .reason = fmt::format("the symbolic link \"{}\" leads to \"{}\", which does not "
                                        "exist; nothing is created through a link",
                                        base::printable(link_), base::printable(link_target_)),
                  .remedy = {}};
    return Error::from_denial(std::move(denial));
  }
  if (!is_last && missing_parts_ == MissingParts::are_an_error) {
    return Error::from_errno(ENOENT, "openat2", next);
  }
  position_ = std::move(next);
  guest_position_.reset();
  return Step::done;
}

const PathRoot* PathWalk::root_over(std::string_view canonical) const {
  // On the way, either use will do: a link in a read-only folder may lead to a writable one.
  if (const auto reading = judge_.judge_path(canonical, PathUse::read, question_.path)) {
    return reading->root;
  }
  const auto writing = judge_.judge_path(canonical, PathUse::write, question_.path);
  return writing ? writing->root : nullptr;
}

bool PathWalk::follows_here() const {
  return !pending_.empty() || static_cast<bool>(question_.follow_last);
}

Error PathWalk::deny(std::string_view canonical) const {
  auto judged = judge_.judge_path(canonical, question_.use, question_.path);
  Denial denial;
  if (judged) {
    denial = Denial{.capability = capability_for(question_.use),
                    .resource = std::string(question_.path),
                    .rule = {},
                    .reason = "no rule of allowed_paths covers the folders on the way",
                    .remedy = {}};
  } else {
    denial = std::move(judged).error();
  }
  if (!link_.empty()) {
    denial.reason =
        fmt::format("the symbolic link \"{}\" leads to \"{}\": {}", base::printable(link_),
                    base::printable(link_target_), denial.reason);
  }
  return Error::from_denial(std::move(denial));
}

Error PathWalk::deny_leaving() const { return Error::from_denial(leaving_denial(question_)); }

Error PathWalk::too_many_links() const {
  Error error = base::make_error(ErrorKind::io, "{}: too many symbolic links on the way",
                                 base::printable(question_.path));
  error.resource = question_.path;
  error.system_errno = ELOOP;
  return error;
}

}  // namespace omnisandbox::policy
