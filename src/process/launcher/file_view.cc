#include "process/launcher/file_view.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "linux/mount_calls.h"
#include "process/step_identity.h"

namespace omnisandbox::process::launcher {
namespace {

using linux_::Fd;

constexpr std::uint64_t exactly = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
// Names and mount points only; what is mounted has its own file system.
constexpr const char* root_size = "4m";
constexpr const char* root_file_count = "20000";
constexpr const char* empty_file = "/.masked_file";
constexpr const char* empty_folder = "/.masked_folder";

class FileView {
 public:
  FileView(const LaunchPlan& plan, StepCounter& steps, Failure& failure)
      : plan_(plan), steps_(steps), failure_(failure) {}

  bool build() {
    if (!make_root()) {
      failure_.cause = SetupCause::namespaces;
      return false;
    }
    for (const ViewStep& step : plan_.steps) {
      if (!carry_out(step)) {
        return false;
      }
    }
    if (!close_private_parts()) {
      return false;
    }
    if (!move_in()) {
      failure_.cause = SetupCause::namespaces;
      return false;
    }
    return true;
  }

  bool has_process_tree() const { return has_process_tree_; }

 private:
  // --- the root ---

  bool make_root() {
    // Nothing that is mounted here may show outside, nor the other way round.
    if (steps_.fails_here() || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      return fail(failure_, "mount MS_PRIVATE", "/");
    }
    old_root_ = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (steps_.fails_here() || !old_root_.is_open()) {
      return fail(failure_, "open", "/");
    }
    Fd root = new_tmpfs(root_size, root_file_count, MOUNT_ATTR_NOEXEC);
    if (!root.is_open()) {
      return false;
    }
    // Copied before the new root covers it, which the copy would contain otherwise.
    for (const ViewStep& step : plan_.steps) {
      if (step.kind == StepKind::bind && step.source == "/") {
        whole_hosts_.emplace_back(
            linux_::open_tree(old_root_.get(), "",
                              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
      }
    }
    // On top of the old root, which stays reachable through its handle only.
    if (steps_.fails_here() ||
        linux_::move_mount(root.get(), "", old_root_.get(), "",
                           MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      return fail(failure_, "move_mount", "the new root");
    }
    private_parts_.push_back(Part{Fd(::dup(root.get())), true});
    note_device(root.get());
    root_ = std::move(root);
    const Fd masked(::openat(root_.get(), empty_file + 1, O_CREAT | O_EXCL | O_CLOEXEC, 0));
    if (!masked.is_open() || ::mkdirat(root_.get(), empty_folder + 1, 0) != 0) {
      return fail(failure_, "mkdirat", empty_folder);
    }
    return true;
  }

  Fd new_tmpfs(const char* size, const char* file_count, unsigned attributes) {
    const Fd context(linux_::fs_open("tmpfs"));
    if (steps_.fails_here() || !context.is_open() ||
        linux_::fs_config(context.get(), FSCONFIG_SET_STRING, "size", size) != 0 ||
        linux_::fs_config(context.get(), FSCONFIG_SET_STRING, "nr_inodes", file_count) != 0 ||
        linux_::fs_config(context.get(), FSCONFIG_SET_STRING, "mode", "0755") != 0 ||
        linux_::fs_config(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0) {
      fail(failure_, "fsopen", "tmpfs");
      return {};
    }
    Fd mount(linux_::fs_mount(context.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | attributes));
    if (!mount.is_open()) {
      fail(failure_, "fsmount", "tmpfs");
    }
    return mount;
  }

  bool close_private_parts() {
    for (const Part& part : private_parts_) {
      mount_attr attributes{};
      attributes.attr_set = MOUNT_ATTR_RDONLY;
      if (part.becomes_read_only &&
          (steps_.fails_here() ||
           linux_::mount_setattr(part.mount.get(), "", AT_EMPTY_PATH, &attributes) != 0)) {
        return fail(failure_, "mount_setattr", "a private folder");
      }
    }
    private_parts_.clear();
    return true;
  }

  bool move_in() {
    if (steps_.fails_here() || ::fchdir(root_.get()) != 0 || linux_::pivot_root(".", ".") != 0) {
      return fail(failure_, "pivot_root", "the new root");
    }
    // The old root now lies on top of the new one; without it the new one is all there is.
    if (steps_.fails_here() || linux_::unmount(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
      return fail(failure_, "umount2", "the old root");
    }
    return true;
  }

  // --- steps ---

  bool carry_out(const ViewStep& step) {
    if (steps_.fails_here()) {
      return fail(failure_, "step", step.target.c_str());
    }
    switch (step.kind) {
      case StepKind::directory:
        return place_folder(step.target.c_str()).is_open() || optional(step);
      case StepKind::symlink:
        return make_symlink(step);
      case StepKind::text_file:
        return make_text_file(step);
      case StepKind::bind:
        return bind(step);
      case StepKind::device:
        return bind_device(step);
      case StepKind::private_tree:
        return mount_private_tree(step);
      case StepKind::process_tree:
        return mount_process_tree(step);
      case StepKind::mask:
        return mask(step);
      case StepKind::pin:
        return pin(step);
      case StepKind::keep:
        return keep(step);
    }
    errno = EINVAL;
    return fail(failure_, "step", step.target.c_str());
  }

  static bool optional(const ViewStep& step) {
    return (step.flags & step_optional) != 0 &&
           (errno == ENOENT || errno == ENOTDIR || errno == ESTALE);
  }

  bool make_symlink(const ViewStep& step) {
    std::string name;
    const Fd parent = place_parent(step.target, name);
    if (parent.is_open() && is_ours(parent.get()) &&
        ::symlinkat(step.source.c_str(), parent.get(), name.c_str()) == 0) {
      return true;
    }
    // In a folder of the host's nothing is made: there the name is as the host has it.
    return errno == EEXIST || errno == ENOENT || errno == EROFS || errno == EPERM ||
           fail(failure_, "symlinkat", step.target.c_str());
  }

  bool make_text_file(const ViewStep& step) {
    std::string name;
    const Fd parent = place_parent(step.target, name);
    if (!parent.is_open() || !is_ours(parent.get())) {
      return true;  // a root of the policy covers it
    }
    const Fd file(::openat(parent.get(), name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
    if (!file.is_open() || ::write(file.get(), step.source.data(), step.source.size()) !=
                               static_cast<ssize_t>(step.source.size())) {
      return fail(failure_, "write", step.target.c_str());
    }
    return true;
  }

  bool bind(const ViewStep& step) {
    const Fd source = open_source(step);
    if (!source.is_open()) {
      return optional(step) || fail(failure_, failed_call_, step.source.c_str());
    }
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    attributes |= (step.flags & step_read_only) != 0 ? MOUNT_ATTR_RDONLY : 0;
    attributes |= (step.flags & step_no_exec) != 0 ? MOUNT_ATTR_NOEXEC : 0;
    if (step.source == "/") {
      return bind_whole_host(step, attributes);
    }
    const Fd place = (step.flags & step_is_file) != 0 ? place_file(step.target)
                                                      : place_folder(step.target.c_str());
    if (!place.is_open()) {
      return optional(step) || fail(failure_, "find the place of", step.target.c_str());
    }
    return attach_copy(source.get(), place.get(), attributes, step.target.c_str());
  }

  // A policy that opens "/". Where it is seen as "/" too, it lies over the private root.
  bool bind_whole_host(const ViewStep& step, unsigned attributes) {
    const Fd place = place_folder(step.target.c_str());
    if (!place.is_open()) {
      return fail(failure_, "find the place of", step.target.c_str());
    }
    Fd whole_host = std::move(whole_hosts_[next_whole_host_++]);
    if (!attach_settled(whole_host, place.get(), attributes, step.target.c_str())) {
      return false;
    }
    if (step.target == "/") {
      root_ = std::move(whole_host);
    }
    return true;
  }

  bool bind_device(const ViewStep& step) {
    const Fd source = open_source(step);
    struct stat status {};
    if (!source.is_open() || ::fstat(source.get(), &status) != 0 || !S_ISCHR(status.st_mode) ||
        status.st_rdev != step.size_bytes) {
      // A device that the machine does not have, or something else under its name, is left out.
      return true;
    }
    const Fd place = place_file(step.target);
    if (!place.is_open()) {
      return fail(failure_, "find the place of", step.target.c_str());
    }
    return attach_copy(source.get(), place.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                       step.target.c_str());
  }

  bool mount_private_tree(const ViewStep& step) {
    char size[32];
    char file_count[32];
    std::snprintf(size, sizeof size, "%llu", static_cast<unsigned long long>(step.size_bytes));
    std::snprintf(file_count, sizeof file_count, "%llu",
                  static_cast<unsigned long long>(step.file_count));
    struct stat status {};
    const bool covers_something = step.inode != 0;
    const Fd place =
        covers_something ? find_planned(step, status) : place_folder(step.target.c_str());
    if (!place.is_open()) {
      return covers_something ? has_changed(step)
                              : fail(failure_, "find the place of", step.target.c_str());
    }
    Fd mount = new_tmpfs(size, file_count, MOUNT_ATTR_NOEXEC);
    if (!mount.is_open()) {
      return false;
    }
    if (!attach(mount.get(), place.get(), step.target.c_str())) {
      return false;
    }
    note_device(mount.get());
    private_parts_.push_back(Part{std::move(mount), (step.flags & step_read_only) != 0});
    return true;
  }

  bool mount_process_tree(const ViewStep& step) {
    const Fd place = place_folder(step.target.c_str());
    if (!place.is_open()) {
      return fail(failure_, "find the place of", step.target.c_str());
    }
    const Fd context(linux_::fs_open("proc"));
    // Processes alone: what else is in /proc belongs to root, who may be this very user.
    if (!context.is_open() ||
        linux_::fs_config(context.get(), FSCONFIG_SET_STRING, "subset", "pid") != 0 ||
        linux_::fs_config(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0) {
      // Some container engines hide parts of /proc, and the kernel then refuses a fresh one.
      return hide_process_tree(place.get());
    }
    const Fd mount(
        linux_::fs_mount(context.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (!mount.is_open()) {
      return hide_process_tree(place.get());
    }
    has_process_tree_ = true;
    return attach(mount.get(), place.get(), step.target.c_str());
  }

  bool hide_process_tree(int place) {
    const Fd nothing = copy_of(empty_folder);
    return nothing.is_open() ? attach(nothing.get(), place, "/proc")
                             : fail(failure_, "open_tree", empty_folder);
  }

  bool mask(const ViewStep& step) {
    struct stat status {};
    const Fd place = find_planned(step, status);
    if (!place.is_open()) {
      return has_changed(step);
    }
    const Fd nothing = copy_of(S_ISDIR(status.st_mode) ? empty_folder : empty_file);
    if (!nothing.is_open()) {
      return fail(failure_, "open_tree", empty_folder);
    }
    mount_attr attributes{};
    attributes.attr_set =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (linux_::mount_setattr(nothing.get(), "", AT_EMPTY_PATH, &attributes) != 0) {
      return fail(failure_, "mount_setattr", step.target.c_str());
    }
    return attach(nothing.get(), place.get(), step.target.c_str());
  }

  bool pin(const ViewStep& step) {
    struct stat status {};
    const Fd place = find_planned(step, status);
    if (!place.is_open()) {
      return has_changed(step);
    }
    return attach_copy(place.get(), place.get(), MOUNT_ATTR_RDONLY, step.target.c_str());
  }

  // The kernel renames no folder that anything is mounted on in this namespace, wherever in it:
  // here that is a copy of the root which the root itself is mounted over next.
  bool keep(const ViewStep& step) {
    struct stat status {};
    const Fd place = find_planned(step, status);
    if (!place.is_open()) {
      return has_changed(step);
    }
    const Fd nothing = copy_of(empty_folder);
    return nothing.is_open() ? attach(nothing.get(), place.get(), step.target.c_str())
                             : fail(failure_, "open_tree", empty_folder);
  }

  // --- what the plan saw ---

  // Not open where the name is gone, or is another file's by now: what was to be covered may have
  // got another name, under which it would be open.
  Fd find_planned(const ViewStep& step, struct stat& status) {
    const char* name = step.target == "/" ? "." : step.target.c_str() + 1;
    Fd place(linux_::open_how_at(root_.get(), name, O_PATH | O_NOFOLLOW, exactly));
    // A link with the number of a file that was removed is no such file.
    if (place.is_open() && ::fstat(place.get(), &status) == 0 && !S_ISLNK(status.st_mode) &&
        is_same_file(step, status)) {
      return place;
    }
    return {};
  }

  bool has_changed(const ViewStep& step) {
    failure_.cause = SetupCause::changed_view;
    errno = ESTALE;
    return fail(failure_, "changed while the sandbox was set up:", step.target.c_str());
  }

  // --- sources ---

  // The name only finds it; what decides is the identity that was noted from the policy's handle,
  // which keeps the inode number from being used again.
  Fd open_source(const ViewStep& step) {
    failed_call_ = "openat2";
    const char* name = step.source == "/" ? "." : step.source.c_str() + 1;
    Fd source(linux_::open_how_at(old_root_.get(), name, O_PATH | O_NOFOLLOW, exactly));
    if (!source.is_open() || step.inode == 0) {
      return source;
    }
    struct stat status {};
    if (::fstat(source.get(), &status) != 0) {
      failed_call_ = "fstat";
      return {};
    }
    if (!is_same_file(step, status)) {
      // A single file is opened by its name, which gets another file when a program saves it.
      const bool is_named =
          (step.flags & step_is_file) != 0 && (step.flags & step_keeps_stamp) == 0;
      failure_.cause = is_named ? SetupCause::changed_view : failure_.cause;
      failed_call_ = "changed since the policy was compiled:";
      errno = ESTALE;
      return {};
    }
    return source;
  }

  // --- places in the new root ---

  struct Part {
    Fd mount;
    bool becomes_read_only;
  };

  void note_device(int mount) {
    struct stat status {};
    if (::fstat(mount, &status) == 0) {
      our_devices_.push_back(status.st_dev);
    }
  }

  // Whether a folder is in a file system that this launcher made: only there it creates names.
  bool is_ours(int folder) const {
    struct stat status {};
    if (::fstat(folder, &status) != 0) {
      return false;
    }
    for (const dev_t device : our_devices_) {
      if (device == status.st_dev) {
        return true;
      }
    }
    return false;
  }

  // The folder `path`, with what is missing on the way made where that is ours to make.
  Fd place_folder(const char* path) {
    // Most are there already.
    const char* from_root = path + std::strspn(path, "/");
    if (Fd there = open_folder(root_.get(), *from_root == '\0' ? "." : from_root);
        there.is_open() || errno != ENOENT) {
      return there;
    }
    Fd folder(::dup(root_.get()));
    std::string name;
    for (const char* rest = path; folder.is_open();) {
      rest += std::strspn(rest, "/");
      if (*rest == '\0') {
        return folder;
      }
      const std::size_t length = std::strcspn(rest, "/");
      name.assign(rest, length);
      rest += length;
      Fd next = open_folder(folder.get(), name.c_str());
      if (!next.is_open() && errno == ENOENT) {
        if (!is_ours(folder.get())) {
          errno = ENOENT;
          return {};
        }
        if (::mkdirat(folder.get(), name.c_str(), 0755) != 0) {
          return {};
        }
        next = open_folder(folder.get(), name.c_str());
      }
      folder = std::move(next);
    }
    return {};
  }

  static Fd open_folder(int folder, const char* name) {
    return Fd(linux_::open_how_at(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, exactly));
  }

  Fd place_parent(const std::string& path, std::string& name) {
    const std::size_t slash = path.rfind('/');
    name = path.substr(slash + 1);
    return place_folder(path.substr(0, slash).c_str());
  }

  Fd place_file(const std::string& path) {
    std::string name;
    const Fd parent = place_parent(path, name);
    if (!parent.is_open()) {
      return {};
    }
    Fd file(linux_::open_how_at(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW, exactly));
    if (!file.is_open() && errno == ENOENT && is_ours(parent.get())) {
      const Fd made(::openat(parent.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444));
      file = Fd(linux_::open_how_at(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW, exactly));
    }
    return file;
  }

  // --- mounts ---

  Fd copy_of(const char* path_in_new_root) const {
    return Fd(
        linux_::open_tree(root_base(), path_in_new_root + 1, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  }
  int root_base() const { return private_parts_.front().mount.get(); }

  bool attach_copy(int source, int place, unsigned attributes, const char* subject) {
    // With all that is mounted below: the attributes must hold there too.
    const Fd copy(linux_::open_tree(
        source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
    return attach_settled(copy, place, attributes, subject);
  }

  bool attach_settled(const Fd& copy, int place, unsigned attributes, const char* subject) {
    if (!copy.is_open()) {
      return fail(failure_, "open_tree", subject);
    }
    mount_attr settings{};
    settings.attr_set = attributes;
    if (attributes != 0 &&
        linux_::mount_setattr(copy.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &settings) != 0) {
      return fail(failure_, "mount_setattr", subject);
    }
    return attach(copy.get(), place, subject);
  }

  bool attach(int mount, int place, const char* subject) {
    return linux_::move_mount(mount, "", place, "",
                              MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0 ||
           fail(failure_, "move_mount", subject);
  }

  const LaunchPlan& plan_;
  StepCounter& steps_;
  Failure& failure_;
  const char* failed_call_ = "openat2";
  Fd old_root_;
  Fd root_;
  std::vector<Fd> whole_hosts_;  // one for each step that mounts "/"
  std::size_t next_whole_host_ = 0;
  std::vector<Part> private_parts_;  // the first is the private root
  std::vector<dev_t> our_devices_;
  bool has_process_tree_ = false;
};

}  // namespace

bool enter_file_view(const LaunchPlan& plan, StepCounter& steps, bool& has_process_tree,
                     Failure& failure) {
  FileView view(plan, steps, failure);
  if (!view.build()) {
    return false;
  }
  has_process_tree = view.has_process_tree();
  return true;
}

}  // namespace omnisandbox::process::launcher
