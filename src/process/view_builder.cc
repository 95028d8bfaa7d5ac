#include "process/view_builder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/landlock_calls.h"
#include "policy/path/folder_walk.h"
#include "policy/path/path_text.h"
#include "process/system_folders.h"
#include "process/system_parts.h"

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

struct Access {
  bool reads = false;
  bool writes = false;
  bool opens() const { return reads || writes; }
  bool operator==(const Access&) const = default;
};

// Over all layers; the capabilities have been taken into account by the rules.
Access access_of(const CompiledPolicy& policy, std::string_view path) {
  auto least = PathAccess::read_write;
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    const auto answer = layer->paths().judge(path);
    least = std::min(least, answer.root == nullptr ? PathAccess::none : answer.access);
  }
  return {.reads = least >= PathAccess::read && policy.has(Capability::fs_read),
          .writes = least == PathAccess::read_write && policy.has(Capability::fs_write)};
}

bool may_hide_below(const CompiledPolicy& policy, std::string_view path) {
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    if (!layer->paths().rule_below(path).empty()) {
      return true;
    }
  }
  return false;
}

// Also by names that may stand anywhere.
bool may_hide_anything_below(const CompiledPolicy& policy, std::string_view path) {
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    if (layer->paths().may_take_away_below(path)) {
      return true;
    }
  }
  return false;
}

// The system's own trees that have a fresh counterpart inside, or none at all.
constexpr std::string_view special_folders[] = {"/proc", "/sys", "/dev"};

bool is_special(std::string_view path) {
  return std::any_of(
      std::begin(special_folders), std::end(special_folders),
      [path](std::string_view folder) { return policy::is_at_or_beneath(path, folder); });
}

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

class ViewBuilder : policy::FolderVisitor {
 public:
  explicit ViewBuilder(const ViewRequest& request)
      : request_(request),
        policy_(*request.policy),
        walk_(*this, {.max_entries = max_searched_entries, .deadline = request.deadline}) {}

  Expected<FileViewPlan> build() {
    collect_roots();
    add_base();
    for (const auto& [path, root] : roots_) {
      if (!is_special(path)) {
        TRY(add_root(path, *root));
      }
    }
    // Parents before what lies in them, so that each lands on what was mounted before.
    std::stable_sort(opened_.begin(), opened_.end(), [](const auto& left, const auto& right) {
      return left.target.size() < right.target.size();
    });
    add_places();
    std::move(opened_.begin(), opened_.end(), std::back_inserter(plan_.steps));
    std::move(masks_.begin(), masks_.end(), std::back_inserter(plan_.steps));
    std::move(late_.begin(), late_.end(), std::back_inserter(plan_.steps));
    add_programs(request_, plan_);
    choose_working_dir();
    return std::move(plan_);
  }

 private:
  // The roots of every layer: where an outer layer is narrower, its own roots are the openings.
  void collect_roots() {
    for (const CompiledPolicy* layer = &policy_; layer != nullptr; layer = layer->base()) {
      for (const auto& root : layer->paths().roots()) {
        roots_.emplace(root->path, root.get());
      }
    }
  }

  void add_base() {
    request_.system->add(request_, plan_);
    if (request_.tier == Tier::namespaces) {
      // The host's own would show other processes.
      plan_.landlock_paths.push_back({"/proc", landlock_read});
      plan_.landlock_paths.push_back({"/", landlock::read_dir});
    }
    plan_.private_access = landlock_read | landlock_write | landlock::make_sock;
    plan_.landlock_paths.push_back({"/tmp", plan_.private_access});
    opened_.push_back({.kind = StepKind::private_tree,
                       .target = "/tmp",
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
    const Access access = access_of(policy_, path);
    if (!access.opens()) {
      return {};
    }
    const std::string guest = guest_path_of(path, root);
    plan_.renames_something |= guest != path;
    const struct stat status = TRY(linux_::stat_of(root.handle));
    ViewStep step{.kind = StepKind::bind,
                  .flags = step_no_exec,
                  .source = path,
                  .target = guest,
                  .device = status.st_dev,
                  .inode = status.st_ino};
    step.flags |= access.writes ? 0 : step_read_only;
    if (!S_ISDIR(status.st_mode)) {
      step.flags |= step_is_file;
      TRY(use_current_file(root, step));
    }
    if (guest == "/tmp") {
      std::erase_if(opened_, [](const ViewStep& other) { return other.target == "/tmp"; });
    }
    opened_.push_back(std::move(step));
    add_landlock(guest, access);
    if (S_ISDIR(status.st_mode)) {
      for (const std::string_view special : special_folders) {
        if (special != path && policy::is_at_or_beneath(special, path)) {
          hide(std::string(special), guest_name(guest, path, special));
        }
      }
      TRY(search(root, path, guest));
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
    step.device = status->st_dev;
    step.inode = status->st_ino;
    return {};
  }

  // What stands in a file system of the run's own needs a place there, and that is no file of the
  // command's.
  void add_places() {
    for (ViewStep& tree : opened_) {
      if (tree.kind != StepKind::private_tree) {
        continue;
      }
      std::set<std::string> places;
      for (const ViewStep& step : opened_) {
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

  void add_landlock(const std::string& guest, Access access) {
    plan_.landlock_paths.push_back(
        {guest, (access.reads ? landlock_read : 0) | (access.writes ? landlock_write : 0)});
  }

  std::string guest_path_of(const std::string& path, const PathRoot& root) const {
    // The innermost layer names things; an outer root inside one of its folders is named by that.
    const auto answer = policy_.paths().judge(path);
    const PathRoot& naming = answer.root != nullptr ? *answer.root : root;
    return guest_name(naming.guest_path, naming.path, path);
  }

  static std::string guest_name(const std::string& guest, std::string_view host_folder,
                                std::string_view host_path) {
    if (host_path == host_folder) {
      return guest;
    }
    const std::size_t skip = host_folder == "/" ? 1 : host_folder.size() + 1;
    return policy::join(guest, host_path.substr(skip));
  }

  void hide(const std::string& path, std::string target) {
    plan_.hides_something = true;
    const bool has_opening_below = std::any_of(roots_.begin(), roots_.end(), [&](const auto& root) {
      return root.first != path && policy::is_at_or_beneath(root.first, path) &&
             access_of(policy_, root.first).opens();
    });
    if (has_opening_below) {
      // A longer rule opens a part of it again, which needs a place to stand.
      opened_.push_back({.kind = StepKind::private_tree,
                         .flags = step_read_only,
                         .target = std::move(target),
                         .size_bytes = 65536,
                         .file_count = 1024});
      return;
    }
    masks_.push_back({.kind = StepKind::mask, .target = std::move(target)});
  }

  // --- what the rules take away inside a root ---

  // Everything below whose access is not its folder's is hidden or made read-only.
  Expected<void> search(const PathRoot& root, const std::string& path, const std::string& guest) {
    if (!may_hide_anything_below(policy_, path)) {
      return {};
    }
    searched_path_ = path;
    searched_guest_ = guest;
    auto done = walk_.walk(root.handle, std::max(path.size(), guest.size()));
    if (done) {
      return {};
    }
    Error error = std::move(done).error();
    if (error.kind == ErrorKind::too_large) {
      error.message = fmt::format(
          "{} holds more than {} files to look through for what the policy hides; open a narrower "
          "folder, or set allow_secrets where nothing in it is secret",
          base::printable(path), max_searched_entries);
    } else if (error.kind == ErrorKind::timeout) {
      error.message = fmt::format(
          "{} was not looked through for what the policy hides before the deadline; open a "
          "narrower folder, or raise timeout",
          base::printable(path));
    }
    return error;
  }

  Expected<void> look(const linux_::Fd& folder, std::string_view below,
                      std::span<const linux_::RawDirectoryEntry> entries,
                      std::vector<std::string>& entered) override {
    const std::string path = policy::name_below(searched_path_, below);
    const std::string guest = policy::name_below(searched_guest_, below);
    const Access access = access_of(policy_, path);
    for (const auto& entry : entries) {
      if (entry.type != DT_LNK && TRY(is_searched(folder, entry, path, guest, access))) {
        entered.push_back(entry.name);
      }
    }
    if (opened_.size() + masks_.size() > max_plan_entries) {
      return base::make_error(ErrorKind::limit,
                              "the policy hides or narrows more than {} files and folders in {}; "
                              "open a narrower folder",
                              max_plan_entries, base::printable(searched_path_));
    }
    return {};
  }

  // The command may be able to change what keeps this user out, or know a name in there.
  Expected<void> find_closed(std::string_view below) override {
    const std::string path = policy::name_below(searched_path_, below);
    if (!may_hide_anything_below(policy_, path)) {
      return {};
    }
    const std::string guest = policy::name_below(searched_guest_, below);
    if (guest == "/") {
      return base::make_error(ErrorKind::denied,
                              "{} cannot be looked through for what the policy hides",
                              base::printable(path));
    }
    hide(path, guest);
    return {};
  }

  // Hides or narrows one entry; whether there is more to look for in it.
  Expected<bool> is_searched(const linux_::Fd& folder, const linux_::RawDirectoryEntry& entry,
                             const std::string& path, const std::string& guest, Access access) {
    const std::string child = policy::join(path, entry.name);
    const std::string target = policy::join(guest, entry.name);
    const Access own = access_of(policy_, child);
    const auto root = roots_.find(child);
    const bool is_root = root != roots_.end();
    if (is_root && own.opens() && guest_path_of(child, *root->second) == target) {
      return false;  // it is mounted over what is here
    }
    if (is_special(child) && (!is_root || own.opens())) {
      return false;
    }
    if (!own.opens()) {
      hide(child, target);
      return false;
    }
    const bool narrower = own != access && !own.writes;
    if (narrower) {
      plan_.hides_something = true;
      opened_.push_back({.kind = StepKind::pin, .flags = step_read_only, .target = target});
    }
    if (!TRY(is_folder(folder, entry))) {
      return false;
    }
    if (own.writes && !narrower && may_hide_below(policy_, child)) {
      // Renamed, it would carry what is hidden in it to a name that no rule knows.
      opened_.push_back({.kind = StepKind::pin, .target = target});
    }
    return may_hide_anything_below(policy_, child);
  }

  // Some file systems do not say it in the list.
  static Expected<bool> is_folder(const linux_::Fd& folder,
                                  const linux_::RawDirectoryEntry& entry) {
    if (entry.type != DT_UNKNOWN) {
      return entry.type == DT_DIR;
    }
    const auto status = linux_::stat_at(folder, entry.name);
    if (!status && status.error().system_errno == ENOENT) {
      return false;
    }
    // What cannot be asked is looked through, and hidden where that fails, too.
    return !status || S_ISDIR(status->st_mode);
  }

  void choose_working_dir() {
    plan_.working_dir = request_.working_dir;
    if (!plan_.working_dir.empty()) {
      if (const auto answer = policy_.paths().judge(plan_.working_dir); answer.root != nullptr) {
        plan_.working_dir =
            guest_name(answer.root->guest_path, answer.root->path, plan_.working_dir);
      }
      return;
    }
    for (const auto& root : policy_.paths().roots()) {
      if (root->is_directory && !is_special(root->path) && access_of(policy_, root->path).opens()) {
        plan_.working_dir = root->guest_path;
        return;
      }
    }
    plan_.working_dir = "/tmp";
  }

  const ViewRequest& request_;
  const CompiledPolicy& policy_;
  std::map<std::string, const PathRoot*, std::less<>> roots_;
  FileViewPlan plan_;
  std::vector<ViewStep> opened_;  // roots and what is narrower in them
  std::vector<ViewStep> masks_;   // what is hidden in them
  std::vector<ViewStep> late_;    // what lies over all of them
  policy::FolderWalk walk_;
  std::string searched_path_;  // the root that is looked through
  std::string searched_guest_;
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
