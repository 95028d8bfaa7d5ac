#include "process/refusal_diagnosis.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "linux/file_system.h"
#include "linux/landlock_calls.h"
#include "policy/command/command_rules.h"
#include "policy/compiled_policy.h"
#include "policy/path/path_text.h"

namespace omnisandbox::process {
namespace {

namespace landlock = linux_::landlock;
using linux_::Fd;

constexpr std::string_view file_view = "file view";

// Without "." and empty parts; ".." takes what stands before it.
std::string normal(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
    } else if (!part.empty() && part != ".") {
      result += '/';
      result += part;
    }
  }
  return result.empty() ? "/" : result;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// A run's own: what is in it is no matter of the policy, and names there mean the asking process.
bool is_own(std::string_view path) {
  return policy::is_at_or_beneath(path, "/proc") || path.starts_with("/dev/fd") ||
         path.starts_with("/dev/std");
}

// Of these a run has its own few, or none, whatever the policy opens.
bool is_never_the_hosts(std::string_view path) {
  return policy::is_at_or_beneath(path, "/sys") || policy::is_at_or_beneath(path, "/dev");
}

// The C library of every program looks for these, and does without.
bool is_tried_by_habit(std::string_view path) {
  return path == "/usr/share/locale/locale.alias" || path == "/etc/ld.so.preload";
}

bool is_on_search_path(std::string_view folder) {
  std::string_view rest = policy::CommandRules::search_path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    if (rest.substr(0, colon) == folder) {
      return true;
    }
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return false;
}

// The name of what is open, from the root of its mounts; empty where it has none any more.
std::string name_of(const Fd& file) {
  const auto name = linux_::read_link_at(Fd(), fmt::format("/proc/self/fd/{}", file.get()));
  return name && name->starts_with('/') && !name->ends_with(" (deleted)") ? *name : std::string();
}

std::optional<Fd> open_in(const Fd& root, std::string_view path, bool follows) {
  auto file = linux_::open_at2(root.get(), path, O_PATH | (follows ? 0 : O_NOFOLLOW), 0,
                               RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  return file ? std::optional(std::move(*file)) : std::nullopt;
}

unsigned long mount_flags(const Fd& file) {
  struct statvfs status {};
  return ::fstatvfs(file.get(), &status) == 0 ? status.f_flag : 0;
}

bool is_stored(const struct stat& status) {
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode);
}

}  // namespace

void RefusalDiagnosis::examine(const PathQuestion& question, const Fd& root,
                               RefusalList& list) const {
  if (is_own(normal(question.path))) {
    return;
  }
  auto file = linux_::open_at2(root.get(), question.path,
                               O_PATH | (question.follows_last_link ? 0 : O_NOFOLLOW), 0,
                               RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (file) {
    examine_present(question, root, *file, list);
  } else if (file.error().system_errno == ENOENT || file.error().system_errno == ENOTDIR) {
    examine_missing(question, root, list);
  }
}

RefusalDiagnosis::Place RefusalDiagnosis::place_of(std::string_view name, std::string guest) const {
  auto host = policy_.compiled().host_path_of(guest);
  std::string host_name = host ? *std::move(host) : guest;
  return {.name = normal(name), .guest = std::move(guest), .host = std::move(host_name)};
}

void RefusalDiagnosis::examine_present(const PathQuestion& question, const Fd& root, const Fd& file,
                                       RefusalList& list) const {
  const auto status = linux_::stat_of(file);
  const Place place = place_of(question.path, name_of(file));
  if (!status || place.guest.empty()) {
    return;
  }
  const bool creates = question.use == PathUse::create;
  const bool writes = question.use == PathUse::change || (creates && question.may_exist);
  if (is_masked(*status, root)) {
    add_path(place, writes, file_view, list);
    return;
  }
  const bool has_view = walls_.tier == Tier::namespaces;
  const unsigned long flags = has_view ? mount_flags(file) : 0;
  if (question.use == PathUse::execute && S_ISREG(status->st_mode)) {
    if ((flags & ST_NOEXEC) != 0) {
      add_program(place, file_view, list);
    } else if (!landlock_opens(place.guest, landlock::execute)) {
      add_program(place, "landlock", list);
    }
  } else if (writes && is_stored(*status)) {
    if ((flags & ST_RDONLY) != 0) {
      add_path(place, true, file_view, list);
    } else if (question.moves && is_kept_in_place(place.guest)) {
      add_kept(place, list);
    } else if (S_ISREG(status->st_mode) && !landlock_opens(place.guest, landlock::write_file)) {
      add_path(place, true, "landlock", list);
    }
  } else if (question.use == PathUse::read && is_stored(*status)) {
    const std::uint64_t access =
        S_ISDIR(status->st_mode) ? landlock::read_dir : landlock::read_file;
    if (!landlock_opens(place.guest, access)) {
      add_path(place, false, "landlock", list);
    }
  }
}

void RefusalDiagnosis::examine_missing(const PathQuestion& question, const Fd& root,
                                       RefusalList& list) const {
  // The nearest folder that is there.
  const std::string path = normal(question.path);
  std::string folder = path;
  std::optional<Fd> found;
  while (!found && folder != "/") {
    folder = folder_of(folder);
    found = open_in(root, folder, true);
  }
  const auto status = found ? linux_::stat_of(*found) : Expected<struct stat>(Error{});
  const std::string canonical = found ? name_of(*found) : std::string();
  if (!status || canonical.empty() || !S_ISDIR(status->st_mode)) {
    return;
  }
  const std::string_view rest =
      std::string_view(path).substr(folder == "/" ? 1 : folder.size() + 1);
  const Place place = place_of(question.path, policy::join(canonical, rest));
  const bool is_folder_there = rest.find('/') == std::string_view::npos;
  if (question.use == PathUse::create && is_folder_there) {
    examine_new(place, root, *found, list);
    return;
  }
  if (walls_.tier != Tier::namespaces || is_tried_by_habit(place.host)) {
    return;  // the host's own root: what is missing there is missing
  }
  if (is_masked(*status, root)) {
    add_path(place, question.use == PathUse::change, file_view, list);
    return;
  }
  switch (question.use) {
    case PathUse::execute:
    case PathUse::look:
    case PathUse::read: {
      const bool is_program =
          question.use == PathUse::execute || is_on_search_path(folder_of(place.host));
      if (is_program && host_names_.has_program(place.host)) {
        add_program(place, file_view, list);
      } else if (host_names_.has(place.host)) {
        add_path(place, false, file_view, list);
      }
      return;
    }
    case PathUse::change:
    case PathUse::create:
      if (host_names_.has(question.use == PathUse::create ? folder_of(place.host) : place.host)) {
        add_path(place, true, file_view, list);
      }
      return;
  }
}

void RefusalDiagnosis::examine_new(const Place& place, const Fd& root, const Fd& folder,
                                   RefusalList& list) const {
  const auto status = linux_::stat_of(folder);
  if (!status) {
    return;
  }
  const bool has_view = walls_.tier == Tier::namespaces;
  if (is_masked(*status, root) || (has_view && (mount_flags(folder) & ST_RDONLY) != 0)) {
    add_path(place, true, file_view, list);
  } else if (!landlock_opens(folder_of(place.guest), landlock::make_reg)) {
    add_path(place, true, "landlock", list);
  }
}

// The launcher's masks are empty, of nobody's, and lie in the root's own file system.
bool RefusalDiagnosis::is_masked(const struct stat& status, const Fd& root) const {
  const auto of_root = linux_::stat_of(root);
  return walls_.tier == Tier::namespaces && of_root && of_root->st_dev == status.st_dev &&
         (status.st_mode & 07777) == 0;
}

bool RefusalDiagnosis::landlock_opens(std::string_view guest, std::uint64_t access) const {
  return std::any_of(walls_.landlock_paths.begin(), walls_.landlock_paths.end(),
                     [&](const LandlockPath& rule) {
                       access &= policy::is_at_or_beneath(guest, rule.path) ? ~rule.access : ~0ULL;
                       return access == 0;
                     });
}

bool RefusalDiagnosis::is_kept_in_place(std::string_view guest) const {
  return std::any_of(walls_.steps.begin(), walls_.steps.end(), [&](const ViewStep& step) {
    return step.kind == StepKind::keep && step.target == guest;
  });
}

void RefusalDiagnosis::add_kept(const Place& place, RefusalList& list) const {
  const auto covered =
      std::find_if(walls_.steps.begin(), walls_.steps.end(), [&](const ViewStep& step) {
        const bool covers = step.kind == StepKind::mask || step.kind == StepKind::pin;
        return covers && policy::is_at_or_beneath(step.target, place.guest);
      });
  Refusal refusal{.thing = RefusedThing::path,
                  .action = "write",
                  .name = place.name,
                  .layer = std::string(file_view),
                  .reason = "a rule beneath it would lose what it takes away",
                  .rule = {},
                  .remedy = {}};
  if (covered != walls_.steps.end()) {
    const std::string host = place_of({}, covered->target).host;
    auto judged = policy_.compiled().judge_path(host, policy::PathUse::write, host);
    refusal.reason = fmt::format(
        "it holds {}, which the policy hides or opens for reading only, and stays where it is",
        host);
    if (!judged) {
      refusal.rule = std::move(judged.error().rule);
      refusal.remedy = std::move(judged.error().remedy);
    }
  }
  list.add(std::move(refusal));
}

void RefusalDiagnosis::add_path(const Place& place, bool writes, std::string_view layer,
                                RefusalList& list) const {
  auto judged = policy_.compiled().judge_path(
      place.host, writes ? policy::PathUse::write : policy::PathUse::read, place.host);
  Refusal refusal{.thing = RefusedThing::path,
                  .action = writes ? "write" : "read",
                  .name = place.name,
                  .layer = std::string(layer),
                  .reason = {},
                  .rule = {},
                  .remedy = {}};
  if (is_never_the_hosts(place.guest)) {
    refusal.reason = "a run has a few devices of its own and nothing of /sys";
  } else if (!judged) {
    refusal.reason = std::move(judged.error().reason);
    refusal.rule = std::move(judged.error().rule);
    refusal.remedy = std::move(judged.error().remedy);
  } else {
    // It came after the run had begun, or the host itself refuses it.
    return;
  }
  list.add(std::move(refusal));
}

void RefusalDiagnosis::add_program(const Place& place, std::string_view layer,
                                   RefusalList& list) const {
  const bool has_short_name = is_on_search_path(folder_of(place.host));
  const std::string name =
      has_short_name ? std::string(policy::last_component_of(place.host)) : place.host;
  auto judged = policy_.compiled().judge_command(name, {});
  Refusal refusal{.thing = RefusedThing::program,
                  .action = "run",
                  .name = has_short_name ? place.host : place.name,
                  .layer = std::string(layer),
                  .reason = {},
                  .rule = {},
                  .remedy = {}};
  if (!judged) {
    refusal.reason = std::move(judged.error().reason);
    refusal.rule = std::move(judged.error().rule);
    refusal.remedy = std::move(judged.error().remedy);
  } else {
    refusal.reason = "the policy lists it, and it has changed since, or its name leads elsewhere";
  }
  list.add(std::move(refusal));
}

}  // namespace omnisandbox::process
