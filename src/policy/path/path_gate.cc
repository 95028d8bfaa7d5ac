#include "policy/path/path_gate.h"

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_data.h"
#include "linux/file_system.h"
#include "policy/path/movable_folder.h"
#include "policy/path/path_open.h"
#include "policy/path/path_text.h"
#include "policy/path/path_walk.h"

namespace omnisandbox::policy {
namespace {

// Somebody who exchanges links and folders as fast as we look can make us look again; not for ever.
constexpr int max_attempts = 8;

Error keeps_changing(const PathQuestion& question) {
  Error error =
      base::make_error(ErrorKind::io, "{}: links and folders on the way kept changing; try again",
                       base::printable(question.path));
  error.resource = question.path;
  error.system_errno = EAGAIN;
  return error;
}

// Whether the path needs a walk, or may be taken as it stands.
enum class Lookup { as_written, walked };

// One question, from its text to the act upon the path that is judged.
template <class Act>
class Passage {
 public:
  using Answer = std::invoke_result_t<Act, const std::string&, const PathGrant&>;

  Passage(const PathJudge& judge, const PathQuestion& question, const PathText& text, Act act)
      : judge_(judge), question_(question), text_(text), act_(std::move(act)) {}

  /// `act(path, grant)` fails with ELOOP when there is a link on the path after all.
  Answer run() {
    Lookup lookup = text_.has_parent_steps ? Lookup::walked : Lookup::as_written;
    bool is_refused_as_written = false;
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
      Found walked = lookup == Lookup::walked ? walk() : as_written();
      if (!walked) {
        return is_refused_as_written ? refusal_or(std::move(walked).error())
                                     : std::move(walked).error();
      }
      std::optional<WalkedPath>& found = *walked;
      if (!found) {
        continue;  // changed while we looked
      }
      if (!question_.beneath.empty() && !is_at_or_beneath(found->path, question_.beneath)) {
        return Error::from_denial(leaving_denial(question_));
      }
      auto grant = judge_.judge_path(found->path, question_.use, question_.path);
      if (!grant && lookup == Lookup::as_written) {
        if (const auto spelled = other_spelling(found->path)) {
          found->path = *spelled;
          grant = judge_.judge_path(found->path, question_.use, question_.path);
        }
        if (!grant) {
          // A link on the way may lead to what is open.
          is_refused_as_written = true;
          lookup = Lookup::walked;
          continue;
        }
      }
      if (!grant) {
        return Error::from_denial(std::move(grant).error());
      }
      auto answer = act_(found->path, *grant);
      if (answer || answer.error().system_errno != ELOOP || found->last_is_link) {
        return answer;
      }
      lookup = Lookup::walked;
    }
    return keeps_changing(question_);
  }

 private:
  using Found = Expected<std::optional<WalkedPath>>;

  Found walk() const { return PathWalk(judge_, question_).run(text_.path); }

  Found as_written() const {
    if (question_.view == PathView::host) {
      return std::optional(WalkedPath{.path = text_.path});
    }
    auto host_path = judge_.host_path_of(text_.path);
    if (!host_path) {
      return Error::from_denial(unknown_guest_name(judge_, question_));
    }
    return std::optional(WalkedPath{.path = std::move(*host_path)});
  }

  // That something is closed comes before that it, or what is on its way, does not exist.
  Error refusal_or(Error error) const {
    if (error.denial) {
      return error;
    }
    const auto leads_to = PathWalk(judge_, question_, MissingParts::are_passed).run(text_.path);
    if (!leads_to && leads_to.error().denial) {
      return leads_to.error();
    }
    if (leads_to && *leads_to) {
      if (auto grant = judge_.judge_path((*leads_to)->path, question_.use, question_.path);
          !grant) {
        return Error::from_denial(std::move(grant).error());
      }
    }
    return error;
  }

  std::optional<std::string> other_spelling(std::string_view path) const {
    return question_.view == PathView::host ? judge_.resolve_spelling(path) : std::nullopt;
  }

  const PathJudge& judge_;
  const PathQuestion& question_;
  const PathText& text_;
  Act act_;
};

bool changes_something(int flags) {
  return (flags & O_PATH) == 0 &&
         ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0);
}

Expected<void> check_flags(const PathQuestion& question, int flags) {
  const bool needs_writing = changes_something(flags);
  if (needs_writing && question.use == PathUse::read) {
    return base::make_error(ErrorKind::internal, "open flags {:#o} write, and the use is read",
                            static_cast<unsigned>(flags));
  }
  if ((flags & O_TRUNC) != 0 && (flags & O_ACCMODE) == O_RDONLY) {
    return base::make_error(ErrorKind::internal, "open flags {:#o} truncate without writing",
                            static_cast<unsigned>(flags));
  }
  return {};
}

Denial several_names(const PathQuestion& question, std::string_view rule, nlink_t links) {
  return Denial{.capability = Capability::fs_write,
                .resource = std::string(question.path),
                .rule = std::string(rule),
                .reason = fmt::format("the file has {} names (hard links), and the others may lie "
                                      "outside of what the policy opens",
                                      links),
                .remedy = "allow_hard_links: true"};
}

// The kernel takes these bits away at a write(2), but not from who has CAP_FSETID, and at no store
// through a mapping.
Denial lends_rights(const PathQuestion& question, std::string_view rule) {
  return Denial{.capability = Capability::fs_write,
                .resource = std::string(question.path),
                .rule = std::string(rule),
                .reason =
                    "the file is set-user-ID or set-group-ID: whoever starts it gets its "
                    "owner's rights, for whatever was written into it",
                .remedy = "chmod ug-s on the file, or replace it as a whole"};
}

// The open itself, once the path is judged.
Expected<OpenedFile> open_granted(const PathJudge& judge, const PathQuestion& question,
                                  const std::string& path, const PathGrant& grant, int flags,
                                  unsigned mode) {
  if ((flags & O_PATH) != 0) {
    OpenedFile opened;
    opened.file = TRY(open_exactly(*grant.root, path, flags, mode));
    opened.status = TRY(linux_::stat_of(opened.file));
    return opened;
  }
  OpenedFile opened = TRY(open_data(*grant.root, path, flags & ~O_TRUNC, mode));
  if (!changes_something(flags)) {
    return opened;
  }
  if (opened.status.st_nlink > 1 && S_ISREG(opened.status.st_mode) && !judge.allows_hard_links()) {
    return Error::from_denial(several_names(question, grant.rule, opened.status.st_nlink));
  }
  if (S_ISREG(opened.status.st_mode) && (opened.status.st_mode & (S_ISUID | S_ISGID)) != 0) {
    return Error::from_denial(lends_rights(question, grant.rule));
  }
  if ((flags & O_TRUNC) != 0 && opened.status.st_size > 0) {
    TRY(linux_::set_size(opened.file, 0));
    opened.status.st_size = 0;
  }
  return opened;
}

}  // namespace

Expected<OpenedPath> PathGate::open(const PathQuestion& question, int flags, unsigned mode) const {
  TRY(check_flags(question, flags));
  const PathText text = TRY(parse_path(question.path));
  PathQuestion asked = question;
  if (text.wants_directory) {
    if ((flags & O_CREAT) != 0) {
      return Error::from_errno(EISDIR, "open", question.path);
    }
    flags |= O_DIRECTORY;
    asked.follow_last = FollowLast::yes;  // a slash after a link means what it leads to
  }
  flags = static_cast<bool>(asked.follow_last) ? flags & ~O_NOFOLLOW : flags | O_NOFOLLOW;
  const auto act = [&](const std::string& path, const PathGrant& grant) -> Expected<OpenedPath> {
    OpenedFile file = TRY(open_granted(judge_, asked, path, grant, flags, mode));
    OpenedPath opened;
    opened.file = std::move(file.file);
    opened.status = file.status;
    opened.canonical = path;
    opened.rule = grant.rule;
    return opened;
  };
  return Passage(judge_, asked, text, act).run();
}

Expected<LocatedPath> PathGate::locate(const PathQuestion& question) const {
  const PathText text = TRY(parse_path(question.path));
  const auto act = [&](const std::string& path, const PathGrant& grant) -> Expected<LocatedPath> {
    const PathRoot& root = *grant.root;
    LocatedPath located;
    if (path == root.path) {
      const linux_::Fd& folder = root.is_directory ? root.handle : root.folder;
      located.parent = TRY(
          linux_::open_at2(folder.get(), ".", O_PATH | O_DIRECTORY, 0, linux_::resolve_exactly));
      located.name = root.is_directory ? "." : last_component_of(path);
    } else {
      located.parent = TRY(open_exactly(root, parent_of(path), O_PATH | O_DIRECTORY));
      located.name = last_component_of(path);
    }
    if (question.use == PathUse::move && located.name != ".") {
      TRY(check_movable(judge_, question, located.parent, path));
    }
    if (static_cast<bool>(question.follow_last)) {
      auto status = linux_::stat_at(located.parent, located.name);
      if (status && S_ISLNK(status->st_mode)) {
        return Error::from_errno(ELOOP, "locate", path);
      }
      if (!status && status.error().system_errno != ENOENT) {
        return status.error();
      }
      located.status = status ? std::optional(*status) : std::nullopt;
    }
    located.canonical = path;
    located.rule = grant.rule;
    located.wants_directory = text.wants_directory;
    return located;
  };
  return Passage(judge_, question, text, act).run();
}

Expected<std::string> PathGate::trace(const PathQuestion& question) const {
  const PathText text = TRY(parse_path(question.path));
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    auto found = TRY(PathWalk(judge_, question, MissingParts::are_passed).run(text.path));
    if (found) {
      return std::move(found->path);
    }
  }
  return keeps_changing(question);
}

}  // namespace omnisandbox::policy
