#include "process/system_folders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "linux/file_system.h"
#include "linux/landlock_calls.h"
#include "policy/path/path_text.h"
#include "process/step_identity.h"

namespace omnisandbox::process {
namespace {

namespace landlock = linux_::landlock;

constexpr std::uint64_t landlock_read = landlock::read_file | landlock::read_dir;

#if defined(__x86_64__)
constexpr std::string_view library_triplet = "/usr/lib/x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr std::string_view library_triplet = "/usr/lib/aarch64-linux-gnu";
#endif

// Programs are started by their loader, which the kernel executes for them.
constexpr std::string_view loaders[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1",
                                        "/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1"};

// Interpreters that keep modules in machine code in a folder of their own under /usr/lib.
constexpr std::string_view interpreters[] = {"python", "ruby", "perl", "node", "php",
                                             "R",      "java", "jvm",  "lua",  "tcl"};

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

std::string link_target(std::string_view path) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlink(std::string(path).c_str(), target.data(), target.size());
  return length <= 0 || static_cast<std::size_t>(length) == target.size()
             ? std::string()
             : std::string(target.data(), static_cast<std::size_t>(length));
}

// Without links; empty where it is not there.
std::string canonical(std::string_view path) {
  const auto handle = linux_::open_at2(AT_FDCWD, path, O_PATH, 0, 0);
  std::string name =
      handle ? link_target("/proc/self/fd/" + std::to_string(handle->get())) : std::string();
  if (handle && !name.starts_with('/')) {
    std::error_code problem;  // no /proc
    name = std::filesystem::canonical(path, problem).string();
  }
  return name;
}

void add_folder(FileViewPlan& plan, SystemStamp& stamp, std::string_view path, std::uint8_t flags) {
  stamp.note_identity(path);
  ViewStep step{.kind = StepKind::bind,
                .flags = static_cast<std::uint8_t>(step_read_only | step_optional | flags),
                .source = std::string(path),
                .target = std::string(path)};
  if (!identify(step)) {
    return;
  }
  plan.steps.push_back(std::move(step));
  plan.landlock_paths.push_back({std::string(path), landlock_read});
}

// A single file, at its usual name even where that is a link on the host.
void add_file(FileViewPlan& plan, SystemStamp& stamp, std::string_view path) {
  stamp.note_target(path);
  const std::string real = canonical(path);
  if (real.empty()) {
    return;
  }
  ViewStep step{.kind = StepKind::bind,
                .flags = step_read_only | step_optional | step_no_exec | step_is_file,
                .source = real,
                .target = std::string(path)};
  if (identify(step)) {
    plan.steps.push_back(std::move(step));
    plan.landlock_paths.push_back({std::string(path), landlock_read});
  }
}

void add_text(FileViewPlan& plan, std::string_view path, std::string text) {
  plan.steps.push_back(
      {.kind = StepKind::text_file, .source = std::move(text), .target = std::string(path)});
}

// Names without the host's own: who has an account here is nobody's business inside.
void add_accounts(FileViewPlan& plan) {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  std::string users =
      "user:x:" + std::to_string(user) + ":" + std::to_string(group) + ":user:/tmp:/bin/false\n";
  std::string groups = "user:x:" + std::to_string(group) + ":\n";
  if (user != 65534) {
    users += "nobody:x:65534:65534:nobody:/:/bin/false\n";
    groups += "nogroup:x:65534:\n";
  }
  add_text(plan, "/etc/passwd", std::move(users));
  add_text(plan, "/etc/group", std::move(groups));
  add_text(plan, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
  add_text(plan, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
}

std::string_view interpreter_of(std::string_view program) {
  for (const std::string_view interpreter : interpreters) {
    if (program.starts_with(interpreter)) {
      return interpreter == "java" ? std::string_view("jvm") : interpreter;
    }
  }
  return {};
}

// Whether everybody on this machine sees the folder as a part of the system: nobody but root can
// put anything there, and it lies in nobody's home.
bool is_part_of_the_system(std::string_view folder) {
  for (const std::string_view home : {"/root", "/home", "/tmp", "/var", "/srv", "/mnt", "/media"}) {
    if (policy::is_at_or_beneath(folder, home)) {
      return false;
    }
  }
  for (std::string_view at = folder;; at = folder_of(at)) {
    struct stat status {};
    if (::lstat(std::string(at).c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
        (status.st_mode & S_IXOTH) == 0) {
      return false;
    }
    if (at == "/") {
      return true;
    }
  }
}

// The folders whose libraries may be mapped as code: the fewer, the less a loader can start that is
// no program of the policy's.
std::set<std::string, std::less<>> code_folders(const ViewRequest& request, SystemStamp& stamp) {
  std::set<std::string, std::less<>> folders = {std::string(library_triplet), "/usr/lib64",
                                                "/usr/local/lib"};
  std::set<std::string_view> wanted;
  for (const ProgramFile& program : request.programs) {
    if (const auto interpreter = interpreter_of(base_name(program.path)); !interpreter.empty()) {
      wanted.insert(interpreter);
    }
    for (const std::string& folder : own_libraries_of(program.path)) {
      if (is_part_of_the_system(folder)) {
        folders.insert(folder);
      }
    }
  }
  if (wanted.empty()) {
    return folders;
  }
  stamp.note_content("/usr/lib");
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib", problem)) {
    const std::string name = entry.path().filename().string();
    if (std::any_of(wanted.begin(), wanted.end(),
                    [&name](std::string_view stem) { return name.starts_with(stem); })) {
      folders.insert(entry.path().string());
    }
  }
  return folders;
}

}  // namespace

std::vector<std::string> own_libraries_of(std::string_view program) {
  const std::string_view folder = folder_of(program);
  const std::string_view prefix = folder_of(folder);
  if (base_name(folder) != "bin" || prefix == "/" || prefix == "/usr" || prefix == "/usr/local") {
    return {};
  }
  return {std::string(prefix) + "/lib", std::string(prefix) + "/lib64"};
}

bool identify(ViewStep& step) {
  const auto handle = linux_::open_at2(AT_FDCWD, step.source, O_PATH | O_NOFOLLOW, 0,
                                       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (!handle) {
    return false;
  }
  const auto status = linux_::stat_of(*handle);
  if (!status || S_ISLNK(status->st_mode)) {
    return false;
  }
  note_identity(step, *status);
  return true;
}

void add_system_folders(const ViewRequest& request, FileViewPlan& plan, SystemStamp& stamp) {
  // "/lib → usr/lib" and its like, as this system has them.
  for (const std::string_view name : {"/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"}) {
    stamp.note_content(name);
    if (std::string target = link_target(name); !target.empty()) {
      plan.steps.push_back(
          {.kind = StepKind::symlink, .source = std::move(target), .target = std::string(name)});
    } else if (name.starts_with("/lib")) {
      add_folder(plan, stamp, name, 0);
    }
  }
  for (const std::string_view path : {"/usr/lib", "/usr/libexec", "/usr/share"}) {
    add_folder(plan, stamp, path, step_no_exec);
  }
  for (const std::string& path : code_folders(request, stamp)) {
    add_folder(plan, stamp, path, 0);
  }
  if (request.any_program) {
    for (const std::string_view path :
         {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}) {
      add_folder(plan, stamp, path, 0);
      plan.landlock_paths.push_back({std::string(path), landlock_read | landlock::execute});
    }
  }
  for (const std::string_view path : {"/etc/ld.so.cache", "/etc/localtime"}) {
    add_file(plan, stamp, path);
  }
  add_folder(plan, stamp, "/etc/alternatives", step_no_exec);
  if (request.needs_certificates) {
    add_folder(plan, stamp, "/etc/ssl/certs", step_no_exec);
    add_folder(plan, stamp, "/etc/pki/tls", step_no_exec);
    add_file(plan, stamp, "/etc/ssl/openssl.cnf");
  }
  add_accounts(plan);
  plan.steps.push_back({.kind = StepKind::directory, .target = "/usr/bin"});
  if (request.tier == Tier::namespaces) {
    plan.landlock_paths.push_back({"/etc", landlock_read});  // the few files that are put there
  }
  for (const std::string_view loader : loaders) {
    plan.landlock_paths.push_back({std::string(loader), landlock::read_file | landlock::execute});
  }
}

void add_programs(const ViewRequest& request, FileViewPlan& plan) {
  for (const ProgramFile& program : request.programs) {
    ViewStep step{.kind = StepKind::bind,
                  .flags = step_read_only | step_is_file | step_keeps_stamp,
                  .source = program.path,
                  .target = program.path,
                  .device = program.device,
                  .inode = program.inode,
                  .modified_ns = program.modified_ns,
                  .changed_ns = program.changed_ns};
    if (program.path != request.main_program) {
      step.flags |= step_optional;
    }
    plan.steps.push_back(std::move(step));
    plan.landlock_paths.push_back({program.path, landlock::read_file | landlock::execute});
    // "awk" for /usr/bin/mawk: others call it by the name that the policy lists.
    std::string alias;
    if (program.name.starts_with('/')) {
      alias = program.name;
    } else if (program.name.find('/') == std::string::npos && program.name != "*") {
      alias = "/usr/bin/" + program.name;
    }
    if (!alias.empty() && alias != program.path) {
      plan.steps.push_back(
          {.kind = StepKind::symlink, .source = program.path, .target = std::move(alias)});
    }
  }
}

void add_devices(FileViewPlan& plan) {
  struct Node {
    std::string_view name;
    unsigned minor;
  };
  constexpr unsigned memory_major = 1;
  plan.steps.push_back({.kind = StepKind::private_tree,
                        .flags = step_read_only,
                        .target = "/dev",
                        .size_bytes = 65536,
                        .file_count = 64});
  for (const Node node : {Node{"/dev/null", 3}, Node{"/dev/zero", 5}, Node{"/dev/full", 7},
                          Node{"/dev/random", 8}, Node{"/dev/urandom", 9}}) {
    plan.steps.push_back({.kind = StepKind::device,
                          .source = std::string(node.name),
                          .target = std::string(node.name),
                          .size_bytes = ::makedev(memory_major, node.minor)});
    plan.landlock_paths.push_back(
        {std::string(node.name), landlock::read_file | landlock::write_file | landlock::truncate});
  }
  using Link = std::pair<std::string_view, std::string_view>;
  for (const auto& [name, target] :
       {Link{"/dev/fd", "/proc/self/fd"}, Link{"/dev/stdin", "/proc/self/fd/0"},
        Link{"/dev/stdout", "/proc/self/fd/1"}, Link{"/dev/stderr", "/proc/self/fd/2"},
        Link{"/dev/shm", "/tmp"}}) {
    plan.steps.push_back(
        {.kind = StepKind::symlink, .source = std::string(target), .target = std::string(name)});
  }
}

}  // namespace omnisandbox::process
