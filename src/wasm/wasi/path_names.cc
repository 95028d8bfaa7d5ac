#include <sys/stat.h>

#include <string>
#include <utility>

#include "linux/file_names.h"
#include "linux/file_system.h"
#include "policy/path/path_text.h"
#include "wasm/wasi/path_argument.h"

/// The operations that give a file a second or another name.
namespace omnisandbox::wasm::wasi {
namespace {

using policy::PathUse;

// Whether a link that holds `target` leads, as text, to somewhere beneath the rule's folder. Guests
// cannot leave through a link anyway, since the path gate judges where it leads; this keeps them
// from laying links for the programs of the host that come by later.
bool stays_inside(std::string_view target, std::string_view link_canonical,
                  std::string_view root_path) {
  if (target.starts_with('/')) {
    return false;
  }
  std::string at(policy::parent_of(link_canonical));
  while (!target.empty()) {
    const std::size_t length = std::min(target.find('/'), target.size());
    const std::string_view component = target.substr(0, length);
    target.remove_prefix(std::min(length + 1, target.size()));
    if (component == "..") {
      if (at == root_path) {
        return false;
      }
      at = policy::parent_of(at);
    } else if (!component.empty() && component != ".") {
      at = policy::join(at, component);
    }
  }
  return true;
}

Errno refuse_target(GuestCall& call, std::string_view operation, std::string_view canonical) {
  return errno_of(call.run.context.refused(
      operation,
      Denial{.capability = Capability::fs_write,
             .resource = std::string(canonical),
             .rule = {},
             .reason = "the symbolic link would lead out of the allowed folder that it lies in",
             .remedy = {}}));
}

}  // namespace

Errno path_link(GuestCall& call, GuestFd old_fd, std::uint32_t lookup_flags, Pointer old_path,
                Size old_path_length, GuestFd new_fd, Pointer new_path, Size new_path_length) {
  constexpr std::string_view operation = "wasi.path_link";
  // POSIX leaves following to the implementation; no C library of WASI asks for it.
  if (lookup_flags != 0) {
    return Errno::inval;
  }
  const auto old_argument =
      take_path(call, operation, old_fd, rights::path_link_source, old_path, old_path_length);
  if (!old_argument) {
    return old_argument.error();
  }
  const auto new_argument =
      take_path(call, operation, new_fd, rights::path_link_target, new_path, new_path_length);
  if (!new_argument) {
    return new_argument.error();
  }
  const auto from = locate_for_change(call, operation, *old_argument, PathUse::move);
  if (!from) {
    return from.error();
  }
  const auto to = locate_for_change(call, operation, *new_argument, PathUse::move);
  if (!to) {
    return to.error() == Errno::busy ? Errno::exist : to.error();
  }
  if (auto charged = call.run.context.charge_file_created(); !charged) {
    return fail(call, operation, std::move(charged).error());
  }
  const auto linked = linux_::link_at(from->parent, old_argument->name_of(*from), to->parent,
                                      new_argument->name_of(*to));
  return linked ? Errno::success : fail(call, operation, linked.error());
}

Errno path_rename(GuestCall& call, GuestFd old_fd, Pointer old_path, Size old_path_length,
                  GuestFd new_fd, Pointer new_path, Size new_path_length) {
  constexpr std::string_view operation = "wasi.path_rename";
  const auto old_argument =
      take_path(call, operation, old_fd, rights::path_rename_source, old_path, old_path_length);
  if (!old_argument) {
    return old_argument.error();
  }
  const auto new_argument =
      take_path(call, operation, new_fd, rights::path_rename_target, new_path, new_path_length);
  if (!new_argument) {
    return new_argument.error();
  }
  const auto from = locate_for_change(call, operation, *old_argument, PathUse::move);
  if (!from) {
    return from.error();
  }
  const auto to = locate_for_change(call, operation, *new_argument, PathUse::move);
  if (!to) {
    return to.error();
  }
  const auto renamed = linux_::rename_at(from->parent, old_argument->name_of(*from), to->parent,
                                         new_argument->name_of(*to));
  if (!renamed) {
    return fail(call, operation, renamed.error());
  }
  table_of(call.run).renamed(from->canonical, to->canonical);
  return Errno::success;
}

Errno path_symlink(GuestCall& call, Pointer target, Size target_length, GuestFd fd, Pointer path,
                   Size path_length) {
  constexpr std::string_view operation = "wasi.path_symlink";
  const auto text = take_path_text(call, target, target_length);
  if (!text) {
    return text.error();
  }
  const auto argument = take_path(call, operation, fd, rights::path_symlink, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto located = locate_for_change(call, operation, *argument, PathUse::move);
  if (!located) {
    return located.error() == Errno::busy ? Errno::exist : located.error();
  }
  // Nothing is created then, so nothing is counted.
  if (const auto taken = linux_::stat_at(located->parent, located->name)) {
    return argument->wants_directory && !S_ISDIR(taken->st_mode) ? Errno::notdir : Errno::exist;
  }
  if (argument->wants_directory) {
    return Errno::noent;
  }
  const policy::PathRoot* root = call.run.context.compiled().paths().judge(located->canonical).root;
  if (root == nullptr || !stays_inside(*text, located->canonical, root->path)) {
    return refuse_target(call, operation, located->canonical);
  }
  if (auto charged = call.run.context.charge_file_created(); !charged) {
    return fail(call, operation, std::move(charged).error());
  }
  const auto made = linux_::symlink_at(*text, located->parent, located->name);
  return made ? Errno::success : fail(call, operation, made.error());
}

}  // namespace omnisandbox::wasm::wasi
