#include "policy/path/movable_folder.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "policy/path/folder_walk.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

/// Ends its walk with a denial at the first thing that must stay where it is.
class KeptThings : public FolderVisitor {
 public:
  KeptThings(const PathJudge& judge, const PathQuestion& question, const std::string& folder)
      : judge_(judge), question_(question), folder_(folder) {}

  Expected<void> look(const linux_::Fd&, std::string_view below,
                      std::span<const linux_::RawDirectoryEntry> entries,
                      std::vector<std::string>& entered) override {
    const std::string path = name_below(folder_, below);
    for (const auto& entry : entries) {
      if (entry.type == DT_LNK) {
        continue;
      }
      const std::string child = join(path, entry.name);
      if (auto grant = judge_.judge_path(child, PathUse::write, child); !grant) {
        Denial denial = std::move(grant).error();
        denial.reason = fmt::format(
            "it holds {}, which the policy hides or opens for reading only, and stays where it is",
            base::printable(child));
        return refusal(std::move(denial));
      }
      if (entry.type == DT_DIR || entry.type == DT_UNKNOWN) {
        entered.push_back(entry.name);
      }
    }
    return {};
  }

  Expected<void> find_closed(std::string_view below) override {
    return refusal({.capability = Capability::fs_write,
                    .resource = {},
                    .rule = {},
                    .reason = fmt::format("{} cannot be looked through for what the policy hides",
                                          base::printable(name_below(folder_, below))),
                    .remedy = {}});
  }

 private:
  Error refusal(Denial denial) const {
    denial.resource = question_.path;
    return Error::from_denial(std::move(denial));
  }

  const PathJudge& judge_;
  const PathQuestion& question_;
  const std::string& folder_;
};

}  // namespace

Expected<void> check_movable(const PathJudge& judge, const PathQuestion& question,
                             const linux_::Fd& parent, const std::string& canonical) {
  if (!judge.may_take_away_below(canonical)) {
    return {};
  }
  const auto folder =
      linux_::open_at2(parent.get(), last_component_of(canonical),
                       O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, linux_::resolve_exactly);
  if (!folder) {
    // What is no folder, or not there, carries nothing along.
    const int error = folder.error().system_errno;
    return error == ENOTDIR || error == ENOENT || error == ELOOP ? Expected<void>()
                                                                 : folder.error();
  }
  KeptThings kept(judge, question, canonical);
  FolderWalk walk(kept, {.max_entries = max_searched_entries, .deadline = question.deadline});
  auto walked = walk.walk(*folder, canonical.size());
  if (!walked && !walked.error().denial) {
    walked.error().message =
        fmt::format("{} is not moved: {}", base::printable(question.path), walked.error().message);
  }
  return walked;
}

}  // namespace omnisandbox::policy
