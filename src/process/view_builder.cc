#include "process/view_builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/landlock_calls.h"
#include "policy/path/path_text.h"
#include "process/step_identity.h"
#include "process/system_folders.h"
#include "process/system_parts.h"
#include "process/view_covers.h"
#include "process/view_roots.h"

namespace omnisandbox::process {
namespace {

namespace landlock = linux_::landlock;
using policy::CompiledPolicy;
using policy::PathRoot;

constexpr std::uint64_t landlock_read = landlock::read_file | landlock::read_dir;
// Sockets and devices are never made in a folder of the host's.
constexpr std::uint64_t landlock_write = landlock::write_file | landlock::remove_dir |
                                         landlock::remove_file | landlock::make_dir |
                                         landlock::make_reg | landlock::make_fifo |
                                         landlock::make_sym | landlock::refer | landlock::truncate;

bool in_every_layer(const CompiledPolicy* layer, std::string_view path) {
  for (; layer != nullptr; layer = layer->base()) {
    const auto& rules = layer->config().allowed_commands;
    if (std::any_of(rules.begin(), rules.end(),
                    [](const CommandRule& rule) { return rule.command == "*"; })) {
      continue;
    }
    const auto& commands = layer->commands().commands();
    if (std::none_of(commands.begin(), commands.end(),
                     [path](const auto& command) { return command->path == path; })) {
      return false;
    }
  }
  return true;
}

class ViewBuilder {
 public:
  explicit ViewBuilder(const ViewRequest& request)
      : request_(request),
        policy_(*request.policy),
        roots_(policy_),
        covers_(roots_, request.deadline) {}

  Expected<FileViewPlan> build() {
    add_base();
    for (const auto& [path, root] : roots_.all()) {
      if (!is_special(path)) {
        TRY(add_root(path, *root));
      }
    }
    TRY(hide_closed_paths());
    show_code_again();
    plan_.hides_something |= covers_.hides_something();
    for (ViewStep& step : covers_.placed()) {
      opened_.emplace_back(std::move(step));
    }
    // Parents before what lies in them, so that each lands on what was mounted before.
    std::stable_sort(opened_.begin(), opened_.end(), [](const auto& left, const auto& right) {
      return left.step.target.size() < right.step.target.size();
    });
    add_places();
    for (Opened& opened : opened_) {
      const bool is_twice = !opened.kept.empty();
      if (is_twice) {
        plan_.steps.push_back(opened.step);
        std::move(opened.kept.begin(), opened.kept.end(), std::back_inserter(plan_.steps));
      }
      plan_.steps.push_back(std::move(opened.step));
    }
    std::move(covers_.masks().begin(), covers_.masks().end(), std::back_inserter(plan_.steps));
    std::move(late_.begin(), late_.end(), std::back_inserter(plan_.steps));
    add_programs(request_, plan_);
    choose_working_dir();
    return std::move(plan_);
  }

 private:
  void add_base() {
    request_.system->add(request_, plan_);
    if (request_.tier == Tier::namespaces) {
      // The host's own would show other processes.
      plan_.landlock_paths.push_back({"/proc", landlock_read});
      // Without fs_read nothing that the policy opens may be listed, and all of it lies below "/".
      if (policy_.has(Capability::fs_read)) {
        plan_.landlock_paths.push_back({"/", landlock::read_dir});
      }
    }
    plan_.private_access = landlock_read | landlock_write | landlock::make_sock;
    plan_.landlock_paths.push_back({std::string(temporary_folder), plan_.private_access});
    opened_.emplace_back(ViewStep{.kind = StepKind::private_tree,
                                  .target = std::string(temporary_folder),
                                  .size_bytes = request_.private_bytes,
                                  .file_count = request_.private_files});
    // Above all roots, "/" included.
    FileViewPlan devices;
    add_devices(devices);
    late_.push_back({.kind = StepKind::process_tree, .target = "/proc"});
    std::move(devices.steps.begin(), devices.steps.end(), std::back_inserter(late_));
    std::move(devices.landlock_paths.begin(), devices.landlock_paths.end(),
              std::back_inserter(plan_.landlock_paths));
  }

  Expected<void> add_root(const std::string& path, const PathRoot& root) {
    const ViewAccess access = roots_.access_of(path);
    if (!access.opens()) {
      return {};
    }
    const std::string guest = roots_.guest_path_of(path, root);
    plan_.renames_something |= guest != path;
    const ViewAccess around = roots_.access_of(policy::parent_of(path));
    plan_.hides_something |= (around.reads && !access.reads) || (around.writes && !access.writes);
    const struct stat status = TRY(linux_::stat_of(root.handle));
    ViewStep step{.kind = StepKind::bind, .flags = step_no_exec, .source = path, .target = guest};
    note_identity(step, status);
    step.flags |= access.writes ? 0 : step_read_only;
    if (!S_ISDIR(status.st_mode)) {
      step.flags |= step_is_file;
      TRY(use_current_file(root, step));
    }
    TRY(check_not_readable(path, guest, access));
    if (guest == temporary_folder) {
      std::erase_if(opened_,
                    [](const Opened& other) { return other.step.target == temporary_folder; });
    }
    Opened& opened = opened_.emplace_back(std::move(step));
    add_landlock(guest, access);
    if (S_ISDIR(status.st_mode)) {
      TRY(covers_.search(root, path, guest));
      opened.kept = std::move(covers_.kept());
    }
    return {};
  }

  // Landlock opens whatever lies below a folder that it opens, and a mount cannot refuse reading.
  Expected<void> check_not_readable(const std::string& path, const std::string& guest,
                                    ViewAccess access) const {
    if (access.reads) {
      return {};
    }
    const auto readable = std::find_if(plan_.landlock_paths.begin(), plan_.landlock_paths.end(),
                                       [&](const LandlockPath& opened) {
                                         return (opened.access & landlock_read) != 0 &&
                                                policy::is_at_or_beneath(guest, opened.path);
                                       });
    if (readable == plan_.landlock_paths.end()) {
      return {};
    }
    return base::make_error(
        ErrorKind::unavailable,
        "{} may be written and not read, and no command can be kept from reading what lies in {}, "
        "which is open to all of them; grant fs_read, or give the rule a guest_path outside of it",
        base::printable(path), readable->path);
  }

  static bool holds_code(const ViewStep& step) {
    return step.kind == StepKind::bind && (step.flags & (step_no_exec | step_is_file)) == 0;
  }

  bool is_opened(std::string_view path) const {
    return std::any_of(opened_.begin(), opened_.end(), [path](const Opened& opened) {
      return opened.step.kind == StepKind::bind &&
             policy::is_at_or_beneath(path, opened.step.target);
    });
  }

  // A root shows what is in it as data. The system's libraries are needed as code all the same, and
  // so are those that a listed program brings along, where the command cannot write to them.
  void show_code_again() {
    for (const ViewStep& step : plan_.steps) {
      if (holds_code(step) && is_opened(step.target)) {
        opened_.emplace_back(step);
      }
    }
    for (const ProgramFile& program : request_.programs) {
      for (const std::string& folder : own_libraries_of(program.path)) {
        const ViewAccess access = roots_.access_of(folder);
        ViewStep step{.kind = StepKind::bind,
                      .flags = step_read_only | step_optional,
                      .source = folder,
                      .target = folder};
        if (access.reads && !access.writes && roots_.has_same_name(folder) && identify(step)) {
          opened_.emplace_back(std::move(step));
        }
      }
    }
  }

  // What a rule closes inside the folders that every command sees; the libraries as a whole, which
  // no program starts without, excepted.
  Expected<void> hide_closed_paths() {
    std::set<std::string_view> closed;
    for (const CompiledPolicy* layer = &policy_; layer != nullptr; layer = layer->base()) {
      closed.insert(layer->paths().closed_paths().begin(), layer->paths().closed_paths().end());
    }
    for (const std::string_view path : closed) {
      bool is_shown = false;
      bool holds_libraries = false;
      for (const ViewStep& step : plan_.steps) {
        is_shown |= step.kind == StepKind::bind && policy::is_at_or_beneath(path, step.target);
        holds_libraries |= holds_code(step) && policy::is_at_or_beneath(step.target, path);
      }
      // In a folder that the policy opens the search has found it.
      if (!is_shown || holds_libraries || is_opened(path)) {
        continue;
      }
      const auto file = linux_::open_at2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0,
                                         RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
      if (file) {
        covers_.hide(std::string(path), std::string(path), TRY(linux_::stat_of(*file)));
      } else if (file.error().system_errno != ENOENT && file.error().system_errno != ENOTDIR) {
        return file.error();
      }
    }
    return {};
  }

  // Programs replace a file by renaming a new one over it, so a rule for a single file means its
  // name in the folder that the policy holds open.
  Expected<void> use_current_file(const PathRoot& root, ViewStep& step) {
    if (!root.folder.is_open()) {
      return {};
    }
    const auto status = linux_::stat_at(root.folder, policy::last_component_of(step.source));
    if (!status) {
      step.flags |= step_optional;
      return {};
    }
    if (!S_ISREG(status->st_mode)) {
      return base::make_error(ErrorKind::io,
                              "the policy opens {} as a file, and it is none any more",
                              base::printable(step.source));
    }
    note_identity(step, *status);
    return {};
  }

  // What stands in a file system of the run's own needs a place there, and that is no file of the
  // command's.
  void add_places() {
    for (auto& [tree, kept] : opened_) {
      if (tree.kind != StepKind::private_tree) {
        continue;
      }
      std::set<std::string> places;
      for (const auto& [step, kept_in_it] : opened_) {
        const bool needs_place = step.kind != StepKind::pin && step.target != tree.target &&
                                 policy::is_at_or_beneath(step.target, tree.target);
        for (std::string_view place = step.target; needs_place && place != tree.target;
             place = policy::parent_of(place)) {
          places.emplace(place);
        }
      }
      tree.file_count += places.size();
    }
  }

  void add_landlock(const std::string& guest, ViewAccess access) {
    plan_.landlock_paths.push_back(
        {guest, (access.reads ? landlock_read : 0) | (access.writes ? landlock_write : 0)});
  }

  void choose_working_dir() {
    if (const auto text = policy::parse_path(request_.working_dir)) {
      plan_.working_dir = text->path;
      if (const auto answer = policy_.paths().judge(plan_.working_dir); answer.root != nullptr) {
        plan_.working_dir =
            guest_name(answer.root->guest_path, answer.root->path, plan_.working_dir);
      }
      return;
    }
    for (const auto& root : policy_.paths().roots()) {
      if (root->is_directory && !is_special(root->path) && roots_.access_of(root->path).opens()) {
        plan_.working_dir = root->guest_path;
        return;
      }
    }
    plan_.working_dir = temporary_folder;
  }

  // Where `kept` is not empty, the root is mounted twice, and these in the copy beneath.
  struct Opened {
    explicit Opened(ViewStep its_step) : step(std::move(its_step)) {}
    ViewStep step;
    std::vector<ViewStep> kept{};
  };

  const ViewRequest& request_;
  const CompiledPolicy& policy_;
  const ViewRoots roots_;
  ViewCovers covers_;
  FileViewPlan plan_;
  std::vector<Opened> opened_;  // roots and what is narrower in them
  std::vector<ViewStep> late_;  // what lies over all of them
};

}  // namespace

std::vector<ProgramFile> programs_of(const CompiledPolicy& policy) {
  std::vector<ProgramFile> programs;
  for (const auto& command : policy.commands().commands()) {
    if (in_every_layer(policy.base(), command->path)) {
      programs.push_back({.name = command->name,
                          .path = command->path,
                          .device = command->device,
                          .inode = command->inode,
                          .modified_ns = command->modified_ns,
                          .changed_ns = command->changed_ns});
    }
  }
  return programs;
}

bool allows_any_program(const CompiledPolicy& policy) {
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    const auto& rules = layer->config().allowed_commands;
    if (std::none_of(rules.begin(), rules.end(),
                     [](const CommandRule& rule) { return rule.command == "*"; })) {
      return false;
    }
  }
  return true;
}

Expected<FileViewPlan> build_file_view(const ViewRequest& request) {
  return ViewBuilder(request).build();
}

}  // namespace omnisandbox::process
