#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "linux/file_data.h"
#include "wasm/wasi/path_argument.h"

namespace omnisandbox::wasm::wasi {
namespace {

constexpr std::string_view operation = "wasi.path_open";
// Somebody who creates and removes the file as fast as we look can make us try again; not for ever.
constexpr int max_attempts = 16;
// Cut down by the umask of the host's process, as everywhere.
constexpr unsigned new_file_mode = 0666;

using policy::FollowLast;
using policy::PathUse;

// What the guest asked for, after the checks that need no file.
struct OpenRequest {
  FollowLast follow = FollowLast::no;
  bool create = false;
  bool exclusive = false;
  bool truncate = false;
  bool want_directory = false;
  Rights base = 0;
  Rights inheriting = 0;
  std::uint16_t flags = 0;

  bool reads() const { return (base & (rights::fd_read | rights::fd_readdir)) != 0; }
  bool writes() const { return (base & rights::fd_write) != 0; }
  /// Whether the open itself, or what may follow, changes the file.
  bool changes() const { return writes() || truncate; }
};

tl::expected<OpenRequest, Errno> check_request(const Descriptor& directory,
                                               std::uint32_t lookup_flags, std::uint32_t open_flags,
                                               Rights base, Rights inheriting,
                                               std::uint32_t descriptor_flags) {
  if ((lookup_flags & ~lookup_symlink_follow) != 0 ||
      (open_flags & ~std::uint32_t{oflags::all}) != 0 ||
      (descriptor_flags & ~std::uint32_t{fdflags::all}) != 0) {
    return tl::unexpected(Errno::inval);
  }
  OpenRequest request;
  request.follow = FollowLast((lookup_flags & lookup_symlink_follow) != 0);
  request.create = (open_flags & oflags::creat) != 0;
  request.exclusive = (open_flags & oflags::excl) != 0;
  request.truncate = (open_flags & oflags::trunc) != 0;
  request.want_directory = (open_flags & oflags::directory) != 0;
  // Guests ask for rights that no version of the specification knows; they get those that exist.
  request.base = base & rights::all;
  request.inheriting = inheriting & rights::all;
  request.flags = static_cast<std::uint16_t>(descriptor_flags);
  if (request.create && request.want_directory) {
    return tl::unexpected(Errno::inval);
  }
  const Rights needed = rights::path_open | (request.create ? rights::path_create_file : 0) |
                        (request.truncate ? rights::path_filestat_set_size : 0);
  if ((directory.base & needed) != needed ||
      ((request.base | request.inheriting) & ~directory.inheriting) != 0) {
    return tl::unexpected(Errno::notcapable);
  }
  return request;
}

int host_flags_of(const OpenRequest& request, const PathArgument& argument) {
  // Truncating works on the open file, after it was checked, and needs it open for writing.
  const int access = !request.changes() ? O_RDONLY : request.reads() ? O_RDWR : O_WRONLY;
  const bool directory = request.want_directory || argument.wants_directory;
  const std::uint16_t flags = request.flags;
  return access | (directory ? O_DIRECTORY : 0) |
         ((flags & fdflags::append) != 0 && request.changes() ? O_APPEND : 0) |
         ((flags & fdflags::dsync) != 0 ? O_DSYNC : 0) |
         ((flags & (fdflags::sync | fdflags::rsync)) != 0 ? O_SYNC : 0);
}

Descriptor descriptor_of(const OpenRequest& request, policy::OpenedPath opened, bool is_directory,
                         const PathArgument& argument) {
  Descriptor descriptor;
  descriptor.kind = is_directory ? Descriptor::Kind::directory : Descriptor::Kind::file;
  Rights possible = is_directory ? rights::of_directory : rights::of_file;
  if (!is_directory && !request.writes()) {
    possible &= ~rights::of_writing;
  }
  descriptor.base = request.base & possible;
  descriptor.inheriting = request.inheriting;
  descriptor.flags = request.flags;
  descriptor.canonical = std::move(opened.canonical);
  descriptor.file = std::move(opened.file);
  descriptor.may_write = !is_directory && request.changes();
  if (argument.is_the_directory) {
    descriptor.allowed_files = argument.directory->allowed_files;
  }
  return descriptor;
}

// One try: `again` when the file came or went between two steps. Nothing is created or cut before
// the decision is on record.
class Opening {
 public:
  Opening(GuestCall& call, const PathArgument& argument, const OpenRequest& request)
      : call_(call),
        context_(call.run.context),
        argument_(argument),
        request_(request),
        use_(request.changes() || request.create ? PathUse::write : PathUse::read) {}

  tl::expected<Descriptor, Errno> attempt() {
    const bool exclusive = request_.create && request_.exclusive;
    auto opened =
        context_.gate().open(argument_.question(use_, exclusive ? FollowLast::no : request_.follow),
                             exclusive ? O_PATH | O_NOFOLLOW : host_flags_of(request_, argument_));
    if (opened) {
      return exclusive ? tl::unexpected(Errno::exist) : use(std::move(*opened));
    }
    if (request_.create && opened.error().kind == ErrorKind::not_found) {
      return create();
    }
    return tl::unexpected(fail(call_, operation, std::move(opened).error()));
  }

 private:
  tl::expected<Descriptor, Errno> use(policy::OpenedPath opened) {
    const bool is_directory = S_ISDIR(opened.status.st_mode);
    if (is_directory && (request_.changes() || request_.create)) {
      return tl::unexpected(Errno::isdir);
    }
    if (const Errno refused = record(opened.rule); refused != Errno::success) {
      return tl::unexpected(refused);
    }
    if (request_.truncate && opened.status.st_size > 0) {
      if (const auto cut = linux_::set_size(opened.file, 0); !cut) {
        return tl::unexpected(fail(call_, operation, cut.error()));
      }
    }
    return descriptor_of(request_, std::move(opened), is_directory, argument_);
  }

  tl::expected<Descriptor, Errno> create() {
    if (argument_.wants_directory) {
      return tl::unexpected(Errno::isdir);
    }
    const FollowLast follow = request_.exclusive ? FollowLast::no : request_.follow;
    auto located = context_.gate().locate(argument_.question(PathUse::write, follow));
    if (!located) {
      return tl::unexpected(fail(call_, operation, std::move(located).error()));
    }
    if (auto charged = context_.charge_file_created(); !charged) {
      return tl::unexpected(fail(call_, operation, std::move(charged).error()));
    }
    if (const Errno refused = record(located->rule); refused != Errno::success) {
      return tl::unexpected(refused);
    }
    // By the canonical path: what is on record is what is created.
    auto created =
        context_.gate().open({.path = located->canonical,
                              .use = PathUse::write,
                              .view = PathView::host,
                              .follow_last = FollowLast::no},
                             host_flags_of(request_, argument_) | O_CREAT | O_EXCL, new_file_mode);
    if (!created) {
      if (created.error().system_errno == EEXIST && !request_.exclusive) {
        return tl::unexpected(Errno::again);
      }
      return tl::unexpected(fail(call_, operation, std::move(created).error()));
    }
    return descriptor_of(request_, std::move(*created), false, argument_);
  }

  Errno record(const std::string& rule) {
    const Capability capability =
        use_ == PathUse::write ? Capability::fs_write : Capability::fs_read;
    auto granted = context_.granted(capability, operation, argument_.path, rule);
    return granted ? Errno::success : fail(call_, operation, std::move(granted).error());
  }

  GuestCall& call_;
  host_functions::RunContext& context_;
  const PathArgument& argument_;
  const OpenRequest& request_;
  const PathUse use_;
};

// A folder that only exists for the single files in it: there is nothing to ask the policy for.
Descriptor folder_of_files(const Descriptor& folder, const OpenRequest& request) {
  Descriptor descriptor;
  descriptor.kind = Descriptor::Kind::directory;
  descriptor.base = request.base & rights::of_directory;
  descriptor.inheriting = request.inheriting;
  descriptor.flags = request.flags;
  descriptor.canonical = folder.canonical;
  descriptor.is_folder_of_files = true;
  descriptor.allowed_files = folder.allowed_files;
  return descriptor;
}

tl::expected<Descriptor, Errno> open(GuestCall& call, const PathArgument& argument,
                                     const OpenRequest& request) {
  if (argument.is_the_directory && argument.directory->is_folder_of_files) {
    if (request.changes() || request.create) {
      return tl::unexpected(Errno::isdir);
    }
    return folder_of_files(*argument.directory, request);
  }
  // Writing needs fs_write; what is opened for both needs fs_read as well. Where a rule opens a
  // path for writing it opens it for reading, so only the capability can be missing.
  host_functions::RunContext& context = call.run.context;
  if (request.changes() && (request.base & rights::fd_read) != 0) {
    if (auto missing = context.compiled().missing(Capability::fs_read, argument.path)) {
      return tl::unexpected(errno_of(context.refused(operation, std::move(*missing))));
    }
  }
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    auto opened = Opening(call, argument, request).attempt();
    if (opened || opened.error() != Errno::again) {
      return opened;
    }
  }
  return tl::unexpected(Errno::again);
}

}  // namespace

Errno path_open(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                Size path_length, std::uint32_t open_flags, Rights base, Rights inheriting,
                std::uint32_t descriptor_flags, Pointer opened) {
  if (!call.memory.slice(opened, sizeof(GuestFd))) {
    return Errno::fault;
  }
  FdTable& table = table_of(call.run);
  auto argument = take_path(call, operation, fd, rights::path_open, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto request = check_request(*argument->directory, lookup_flags, open_flags, base,
                                     inheriting, descriptor_flags);
  if (!request) {
    return request.error();
  }
  if (!table.has_room()) {
    return Errno::mfile;
  }
  auto descriptor = open(call, *argument, *request);
  if (!descriptor) {
    return descriptor.error();
  }
  const GuestFd number = table.insert(std::move(*descriptor));
  return call.memory.store(opened, number) ? Errno::success : Errno::fault;
}

}  // namespace omnisandbox::wasm::wasi
