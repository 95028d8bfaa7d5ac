#include <algorithm>
#include <limits>
#include <utility>

#include "linux/file_data.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "policy/path/path_gate.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/filestat.h"
#include "wasm/wasi/open_directory.h"
#include "wasm/wasi/preview1.h"
#include "wasm/wasi/write_rules.h"

namespace omnisandbox::wasm::wasi {
namespace {

constexpr auto max_offset = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

FileType type_of(const Descriptor& descriptor) {
  switch (descriptor.kind) {
    case Descriptor::Kind::file:
      return FileType::regular_file;
    case Descriptor::Kind::directory:
      return FileType::directory;
    case Descriptor::Kind::input:
    case Descriptor::Kind::output:
    case Descriptor::Kind::error_output:
      break;
  }
  // A pipe, which WASI has no type for. Never a character device: that would be a terminal.
  return FileType::unknown;
}

tl::expected<Descriptor*, Errno> find(GuestCall& call, GuestFd fd, Rights needed) {
  Descriptor* descriptor = table_of(call.run).find(fd);
  if (descriptor == nullptr) {
    return tl::unexpected(Errno::badf);
  }
  if ((descriptor->base & needed) != needed) {
    return tl::unexpected(Errno::notcapable);
  }
  return descriptor;
}

// For what only regular files can do; the type is told before missing rights are.
tl::expected<Descriptor*, Errno> find_file(GuestCall& call, GuestFd fd, Rights needed) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor) {
    return descriptor;
  }
  if ((*descriptor)->is_directory()) {
    return tl::unexpected(Errno::isdir);
  }
  if (!(*descriptor)->is_file()) {
    return tl::unexpected(Errno::inval);
  }
  return find(call, fd, needed);
}

Errno sync(GuestCall& call, std::string_view operation, GuestFd fd, Rights needed,
           Expected<void> (*synchronise)(const linux_::Fd&)) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor) {
    return descriptor.error();
  }
  if (!(*descriptor)->is_file() && !(*descriptor)->is_directory()) {
    return Errno::inval;
  }
  if (((*descriptor)->base & needed) == 0) {
    return Errno::notcapable;
  }
  // A preopened directory holds no handle; names are the file system's business then.
  if (!(*descriptor)->file.is_open()) {
    return Errno::success;
  }
  const auto done = synchronise((*descriptor)->file);
  return done ? Errno::success : fail(call, operation, done.error());
}

}  // namespace

Errno fd_advise(GuestCall& call, GuestFd fd, std::uint64_t offset, std::uint64_t length,
                std::uint32_t advice) {
  const auto descriptor = find_file(call, fd, rights::fd_advise);
  if (!descriptor) {
    return descriptor.error() == Errno::inval ? Errno::spipe : descriptor.error();
  }
  // Checked and not passed on: advice would let a guest cause reads that nothing bounds.
  const bool valid = advice <= last_advice && offset <= max_offset && length <= max_offset - offset;
  return valid ? Errno::success : Errno::inval;
}

Errno fd_allocate(GuestCall& call, GuestFd fd, std::uint64_t offset, std::uint64_t length) {
  constexpr std::string_view operation = "wasi.fd_allocate";
  const auto descriptor = find_file(call, fd, rights::fd_allocate);
  if (!descriptor) {
    return descriptor.error();
  }
  if (length == 0 || offset > max_offset) {
    return Errno::inval;
  }
  if (length > max_offset - offset) {
    return Errno::fbig;
  }
  const auto status = linux_::stat_of((*descriptor)->file);
  if (!status) {
    return fail(call, operation, status.error());
  }
  // All of the length: holes within the file take room as well.
  const Errno charged = charge_growth(call, operation, static_cast<std::uint64_t>(status->st_size),
                                      offset + length, length);
  if (charged != Errno::success) {
    return charged;
  }
  const auto allocated = linux_::allocate((*descriptor)->file, offset, length);
  return allocated ? Errno::success : fail(call, operation, allocated.error());
}

Errno fd_close(GuestCall& call, GuestFd fd) {
  return table_of(call.run).close(fd) ? Errno::success : Errno::badf;
}

Errno fd_datasync(GuestCall& call, GuestFd fd) {
  return sync(call, "wasi.fd_datasync", fd, rights::fd_datasync, &linux_::sync_data);
}

Errno fd_sync(GuestCall& call, GuestFd fd) {
  return sync(call, "wasi.fd_sync", fd, rights::fd_sync, &linux_::sync_all);
}

Errno fd_fdstat_get(GuestCall& call, GuestFd fd, Pointer fdstat) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor) {
    return descriptor.error();
  }
  Fdstat stat;
  stat.filetype = type_of(**descriptor);
  stat.flags = (*descriptor)->flags;
  stat.rights_base = (*descriptor)->base;
  stat.rights_inheriting = (*descriptor)->inheriting;
  return call.memory.store(fdstat, stat) ? Errno::success : Errno::fault;
}

Errno fd_fdstat_set_flags(GuestCall& call, GuestFd fd, std::uint32_t flags) {
  const auto descriptor = find(call, fd, rights::fd_fdstat_set_flags);
  if (!descriptor) {
    return descriptor.error();
  }
  Descriptor& open = **descriptor;
  if ((flags & ~std::uint32_t{fdflags::all}) != 0) {
    return Errno::inval;
  }
  const auto wanted = static_cast<std::uint16_t>(flags);
  const auto changed = static_cast<std::uint16_t>(wanted ^ open.flags);
  // The kernel fixes these when a file is opened.
  if ((changed & fdflags::syncing) != 0) {
    return Errno::notsup;
  }
  if (open.is_file() && (changed & fdflags::append) != 0) {
    const auto place = (wanted & fdflags::append) != 0 ? linux_::WritePlace::at_end
                                                       : linux_::WritePlace::at_position;
    if (const auto set = linux_::set_write_place(open.file, place); !set) {
      return fail(call, "wasi.fd_fdstat_set_flags", set.error());
    }
  }
  open.flags = wanted;
  return Errno::success;
}

Errno fd_fdstat_set_rights(GuestCall& call, GuestFd fd, Rights base, Rights inheriting) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor) {
    return descriptor.error();
  }
  Descriptor& open = **descriptor;
  if ((base & ~open.base) != 0 || (inheriting & ~open.inheriting) != 0) {
    return Errno::notcapable;
  }
  open.base = base;
  open.inheriting = inheriting;
  return Errno::success;
}

Errno fd_filestat_get(GuestCall& call, GuestFd fd, Pointer filestat) {
  constexpr std::string_view operation = "wasi.fd_filestat_get";
  const auto descriptor = find(call, fd, rights::fd_filestat_get);
  if (!descriptor) {
    return descriptor.error();
  }
  if (!call.memory.slice(filestat, sizeof(Filestat))) {
    return Errno::fault;
  }
  const Descriptor& open = **descriptor;
  Filestat stat;
  stat.filetype = type_of(open);
  stat.link_count = 1;
  if (open.is_file() || (open.is_directory() && !open.is_folder_of_files)) {
    const auto handle = handle_of(call, operation, open);
    if (!handle) {
      return handle.error();
    }
    const auto status = linux_::stat_of(handle->get());
    if (!status) {
      return fail(call, operation, status.error());
    }
    stat = filestat_of(*status);
  }
  return call.memory.store(filestat, stat) ? Errno::success : Errno::fault;
}

Errno fd_filestat_set_size(GuestCall& call, GuestFd fd, std::uint64_t size) {
  constexpr std::string_view operation = "wasi.fd_filestat_set_size";
  const auto descriptor = find_file(call, fd, rights::fd_filestat_set_size);
  if (!descriptor) {
    return descriptor.error();
  }
  if (size > max_offset) {
    return Errno::inval;
  }
  const auto status = linux_::stat_of((*descriptor)->file);
  if (!status) {
    return fail(call, operation, status.error());
  }
  const Errno charged =
      charge_growth(call, operation, static_cast<std::uint64_t>(status->st_size), size, 0);
  if (charged != Errno::success) {
    return charged;
  }
  const auto resized = linux_::set_size((*descriptor)->file, size);
  return resized ? Errno::success : fail(call, operation, resized.error());
}

Errno fd_filestat_set_times(GuestCall& call, GuestFd fd, std::uint64_t accessed,
                            std::uint64_t modified, std::uint32_t flags) {
  constexpr std::string_view operation = "wasi.fd_filestat_set_times";
  const auto descriptor = find(call, fd, rights::fd_filestat_set_times);
  if (!descriptor) {
    return descriptor.error();
  }
  const auto times = file_times_of(accessed, modified, flags);
  if (!times) {
    return times.error();
  }
  const Descriptor& open = **descriptor;
  if (open.is_folder_of_files) {
    return Errno::perm;
  }
  // A descriptor that is only read from can be used to set times where the path may be written.
  if (!open.may_write) {
    host_functions::RunContext& context = call.run.context;
    auto judged =
        context.compiled().judge_path(open.canonical, policy::PathUse::write, open.canonical);
    if (!judged) {
      return errno_of(context.refused(operation, std::move(judged).error()));
    }
    if (auto granted =
            context.granted(Capability::fs_write, operation, open.canonical, judged->rule);
        !granted) {
      return fail(call, operation, std::move(granted).error());
    }
  }
  const auto handle = handle_of(call, operation, open);
  if (!handle) {
    return handle.error();
  }
  const auto status = linux_::stat_of(handle->get());
  if (!status) {
    return fail(call, operation, status.error());
  }
  if (const Errno refused = check_link_count(call, operation, *status, open.canonical);
      refused != Errno::success) {
    return refused;
  }
  const auto set = linux_::set_times(handle->get(), *times);
  return set ? Errno::success : fail(call, operation, set.error());
}

Errno fd_prestat_get(GuestCall& call, GuestFd fd, Pointer prestat) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor || !(*descriptor)->preopen_name) {
    return Errno::badf;
  }
  Prestat stat;
  stat.name_length = static_cast<Size>((*descriptor)->preopen_name->size());
  return call.memory.store(prestat, stat) ? Errno::success : Errno::fault;
}

Errno fd_prestat_dir_name(GuestCall& call, GuestFd fd, Pointer name, Size name_length) {
  const auto descriptor = find(call, fd, 0);
  if (!descriptor || !(*descriptor)->preopen_name) {
    return Errno::badf;
  }
  const std::string& text = *(*descriptor)->preopen_name;
  if (text.size() > name_length) {
    return Errno::nametoolong;
  }
  const auto bytes = call.memory.slice(name, static_cast<Size>(text.size()));
  if (!bytes) {
    return Errno::fault;
  }
  std::copy(text.begin(), text.end(), bytes->begin());
  return Errno::success;
}

Errno fd_renumber(GuestCall& call, GuestFd from, GuestFd to) {
  return table_of(call.run).renumber(from, to) ? Errno::success : Errno::badf;
}

}  // namespace omnisandbox::wasm::wasi
