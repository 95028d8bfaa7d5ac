#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"
#include "wasm/component/wasi/preview1_call.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

using wasi::Errno;
using wasi::Rights;
namespace rights = wasi::rights;

constexpr std::uint32_t first_preopen = 3;
constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

std::uint32_t descriptor(HostCall& call, std::size_t index = 0) {
  return call.handle(index, ResourceKind::descriptor);
}

std::uint32_t lookup_flags(const wasmtime_component_val_t& flags) {
  return has_flag(flags, "symlink-follow") ? wasi::lookup_symlink_follow : 0;
}

std::string_view type_name(wasi::FileType type) {
  switch (type) {
    case wasi::FileType::block_device:
      return "block-device";
    case wasi::FileType::character_device:
      return "character-device";
    case wasi::FileType::directory:
      return "directory";
    case wasi::FileType::regular_file:
      return "regular-file";
    case wasi::FileType::socket_dgram:
    case wasi::FileType::socket_stream:
      return "socket";
    case wasi::FileType::symbolic_link:
      return "symbolic-link";
    case wasi::FileType::unknown:
      break;
  }
  return "unknown";
}

Value timestamp(std::uint64_t time_ns) {
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("seconds", Value::u64(time_ns / nanoseconds_per_second));
  fields.emplace_back("nanoseconds",
                      Value::u32(static_cast<std::uint32_t>(time_ns % nanoseconds_per_second)));
  return Value::some(Value::record(std::move(fields)));
}

Value stat_value(const wasi::Filestat& stat) {
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("type", Value::enumeration(type_name(stat.filetype)));
  fields.emplace_back("link-count", Value::u64(stat.link_count));
  fields.emplace_back("size", Value::u64(stat.size_bytes));
  fields.emplace_back("data-access-timestamp", timestamp(stat.accessed_ns));
  fields.emplace_back("data-modification-timestamp", timestamp(stat.modified_ns));
  fields.emplace_back("status-change-timestamp", timestamp(stat.changed_ns));
  return Value::record(std::move(fields));
}

// ---- Streams ----

// Streams of a directory are refused here; whether the guest may read or write shows when it does.
Errno check_stream(HostCall& call, std::uint32_t fd, Rights needed) {
  const Opened open = look_at(call, fd);
  if (open.code != Errno::success) {
    return open.code;
  }
  if (open.stat.filetype != wasi::FileType::regular_file) {
    return Errno::isdir;
  }
  return (open.stat.rights_base & needed) == 0 ? Errno::badf : Errno::success;
}

void open_stream(HostCall& call, OutputStream::To to, std::uint64_t offset) {
  const std::uint32_t fd = descriptor(call);
  if (const Errno code = check_stream(call, fd, rights::fd_write); code != Errno::success) {
    call.give(failed(code));
    return;
  }
  ++call.run.files[fd].streams;
  call.give(Value::ok(
      call.keep(ResourceKind::output_stream, OutputStream{.to = to, .fd = fd, .offset = offset})));
}

void read_via_stream(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint64_t offset = u64_of(call.arg(1));
  if (const Errno code = check_stream(call, fd, rights::fd_read); code != Errno::success) {
    call.give(failed(code));
    return;
  }
  ++call.run.files[fd].streams;
  call.give(
      Value::ok(call.keep(ResourceKind::input_stream, InputStream{.fd = fd, .offset = offset})));
}

void write_via_stream(HostCall& call) {
  open_stream(call, OutputStream::To::file, u64_of(call.arg(1)));
}

void append_via_stream(HostCall& call) { open_stream(call, OutputStream::To::end_of_file, 0); }

// ---- The open file ----

void advise(HostCall& call) {
  constexpr std::array<std::string_view, 6> names = {"normal",    "sequential", "random",
                                                     "will-need", "dont-need",  "no-reuse"};
  const std::uint32_t fd = descriptor(call);
  const auto found = std::find(names.begin(), names.end(), enumeration_of(call.arg(3)));
  if (found == names.end()) {
    throw WrongType();
  }
  call.give(outcome_of(Preview1Call(call).call<&wasi::fd_advise>(
      fd, u64_of(call.arg(1)), u64_of(call.arg(2)),
      static_cast<std::uint32_t>(found - names.begin()))));
}

template <Errno (*synchronise)(GuestCall&, std::uint32_t)>
void sync_with(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  call.give(outcome_of(Preview1Call(call).call<synchronise>(fd)));
}

void get_flags(HostCall& call) {
  const Opened open = look_at(call, descriptor(call));
  if (open.code != Errno::success) {
    call.give(failed(open.code));
    return;
  }
  std::vector<std::string_view> names;
  if ((open.stat.rights_base & (rights::fd_read | rights::fd_readdir)) != 0) {
    names.emplace_back("read");
  }
  if ((open.stat.rights_base & rights::fd_write) != 0) {
    names.emplace_back("write");
  }
  if ((open.stat.flags & wasi::fdflags::sync) != 0) {
    names.emplace_back("file-integrity-sync");
  }
  if ((open.stat.flags & wasi::fdflags::dsync) != 0) {
    names.emplace_back("data-integrity-sync");
  }
  if ((open.stat.flags & wasi::fdflags::rsync) != 0) {
    names.emplace_back("requested-write-sync");
  }
  if (open.stat.filetype == wasi::FileType::directory) {
    names.emplace_back("mutate-directory");
  }
  call.give(Value::ok(Value::flags(names)));
}

void get_type(HostCall& call) {
  const Opened open = look_at(call, descriptor(call));
  call.give(open.code == Errno::success
                ? Value::ok(Value::enumeration(type_name(open.stat.filetype)))
                : failed(open.code));
}

void set_size(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  call.give(
      outcome_of(Preview1Call(call).call<&wasi::fd_filestat_set_size>(fd, u64_of(call.arg(1)))));
}

struct Times {
  std::uint64_t accessed_ns = 0;
  std::uint64_t modified_ns = 0;
  std::uint32_t flags = 0;
};

std::uint32_t add_time(const wasmtime_component_val_t& value, std::uint32_t set,
                       std::uint32_t set_now, std::uint64_t& time_ns) {
  const auto& variant = variant_of(value);
  const std::string_view name = text_of(variant.discriminant);
  if (name == "now") {
    return set_now;
  }
  if (name != "timestamp") {
    return 0;
  }
  if (variant.val == nullptr) {
    throw WrongType();
  }
  // Beyond what 64 bits of nanoseconds hold, as far as they go.
  const std::uint64_t seconds = u64_of(field_of(*variant.val, "seconds"));
  const std::uint64_t nanoseconds = u32_of(field_of(*variant.val, "nanoseconds"));
  constexpr std::uint64_t most = UINT64_MAX / nanoseconds_per_second - 5;
  time_ns = std::min(seconds, most) * nanoseconds_per_second + nanoseconds;
  return set;
}

Times times_of(HostCall& call, std::size_t index) {
  Times times;
  times.flags =
      add_time(call.arg(index), wasi::fstflags::atim, wasi::fstflags::atim_now, times.accessed_ns) |
      add_time(call.arg(index + 1), wasi::fstflags::mtim, wasi::fstflags::mtim_now,
               times.modified_ns);
  return times;
}

void set_times(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const Times times = times_of(call, 1);
  call.give(outcome_of(Preview1Call(call).call<&wasi::fd_filestat_set_times>(
      fd, times.accessed_ns, times.modified_ns, times.flags)));
}

void read(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint64_t length = u64_of(call.arg(1));
  const FileRead read = read_file(call, fd, u64_of(call.arg(2)), length);
  if (read.code != Errno::success) {
    call.give(failed(read.code));
    return;
  }
  std::vector<Value> pair;
  pair.push_back(Value::bytes(read.bytes));
  pair.push_back(Value::boolean(read.bytes.empty() && length > 0));
  call.give(Value::ok(Value::tuple(std::move(pair))));
}

void write(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const FileWrite written = write_file(call, fd, u64_of(call.arg(2)), bytes_of(call.arg(1)));
  call.give(written.code == Errno::success ? Value::ok(Value::u64(written.written))
                                           : failed(written.code));
}

// ---- Folders ----

// Where the whole entries of a filled buffer end, and the cookie to go on with.
std::uint64_t add_entries(std::string_view buffer, wasi::Listing& listing) {
  std::uint64_t next = 0;
  wasi::Dirent dirent;
  while (buffer.size() >= sizeof dirent) {
    std::memcpy(&dirent, buffer.data(), sizeof dirent);
    buffer.remove_prefix(sizeof dirent);
    if (dirent.name_length > buffer.size()) {
      break;
    }
    listing.add(buffer.substr(0, dirent.name_length), dirent.inode, dirent.filetype);
    buffer.remove_prefix(dirent.name_length);
    next = dirent.next_cookie;
  }
  return next;
}

// All names at once, as preview 1 keeps them: what changes meanwhile does not show.
Errno read_all_names(HostCall& call, std::uint32_t fd, wasi::Listing& listing) {
  std::uint64_t cookie = 0;
  for (;;) {
    Preview1Call files(call);
    const auto buffer = files.room(max_transfer_bytes);
    const auto used = files.room(sizeof(std::uint32_t));
    const Errno code =
        files.call<&wasi::fd_readdir>(fd, buffer.offset, buffer.length, cookie, used.offset);
    if (code != Errno::success || call.end != GuestCall::End::none) {
      return code;
    }
    const auto length = std::min(files.load<std::uint32_t>(used), buffer.length);
    const std::uint64_t next = add_entries(files.text({buffer.offset, length}), listing);
    if (listing.size() > max_listed_entries - call.run.listed_entries) {
      return Errno::nomem;
    }
    if (length < buffer.length) {
      return Errno::success;
    }
    if (next <= cookie) {
      return Errno::io;  // no name is as long as the buffer
    }
    cookie = next;
  }
}

void read_directory(HostCall& call) {
  auto listing = std::make_unique<wasi::Listing>();
  if (const Errno code = read_all_names(call, descriptor(call), *listing); code != Errno::success) {
    call.give(failed(code));
    return;
  }
  call.run.listed_entries += listing->size();
  call.give(Value::ok(
      call.keep(ResourceKind::directory_entry_stream, EntryStream{.listing = std::move(listing)})));
}

void drop_entry_stream(ComponentRun& run, std::uint32_t number) noexcept {
  if (const auto* stream = run.resources.find<EntryStream>(number)) {
    run.listed_entries -= stream->listing->size();
    run.resources.drop(number);
  }
}

void read_directory_entry(HostCall& call) {
  EntryStream& stream = call.resource<EntryStream>(0, ResourceKind::directory_entry_stream);
  while (stream.next < stream.listing->size()) {
    const wasi::Listing::Entry entry = stream.listing->at(stream.next++);
    if (entry.name == "." || entry.name == "..") {
      continue;
    }
    std::vector<std::pair<std::string_view, Value>> fields;
    fields.emplace_back("type", Value::enumeration(type_name(entry.type)));
    fields.emplace_back("name", Value::string(entry.name));
    call.give(Value::ok(Value::some(Value::record(std::move(fields)))));
    return;
  }
  call.give(Value::ok(Value::none()));
}

template <Errno (*change)(GuestCall&, std::uint32_t, std::uint32_t, std::uint32_t)>
void change_path(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(1)));
  call.give(outcome_of(files.call<change>(fd, path.offset, path.length)));
}

wasi::Filestat stat_of(HostCall& call, Errno& code) {
  const std::uint32_t fd = descriptor(call);
  Preview1Call files(call);
  const auto stat = files.room(sizeof(wasi::Filestat));
  code = files.call<&wasi::fd_filestat_get>(fd, stat.offset);
  return files.load<wasi::Filestat>(stat);
}

wasi::Filestat stat_at(HostCall& call, Errno& code) {
  const std::uint32_t fd = descriptor(call);
  const std::uint32_t flags = lookup_flags(call.arg(1));
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(2)));
  const auto stat = files.room(sizeof(wasi::Filestat));
  code = files.call<&wasi::path_filestat_get>(fd, flags, path.offset, path.length, stat.offset);
  return files.load<wasi::Filestat>(stat);
}

template <wasi::Filestat (*look)(HostCall&, Errno&)>
void stat_with(HostCall& call) {
  Errno code = Errno::success;
  const wasi::Filestat stat = look(call, code);
  call.give(code == Errno::success ? Value::ok(stat_value(stat)) : failed(code));
}

// Equal for equal files, and different after a change; made of what stat shows.
template <wasi::Filestat (*look)(HostCall&, Errno&)>
void metadata_hash_with(HostCall& call) {
  Errno code = Errno::success;
  const wasi::Filestat stat = look(call, code);
  if (code != Errno::success) {
    call.give(failed(code));
    return;
  }
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("lower", Value::u64(stat.inode ^ (stat.device << 32U)));
  fields.emplace_back("upper", Value::u64(stat.modified_ns ^ (stat.size_bytes << 1U)));
  call.give(Value::ok(Value::record(std::move(fields))));
}

void set_times_at(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint32_t flags = lookup_flags(call.arg(1));
  const Times times = times_of(call, 3);
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(2)));
  call.give(outcome_of(files.call<&wasi::path_filestat_set_times>(
      fd, flags, path.offset, path.length, times.accessed_ns, times.modified_ns, times.flags)));
}

void link_at(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint32_t flags = lookup_flags(call.arg(1));
  const std::uint32_t new_fd = descriptor(call, 3);
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(2)));
  const auto new_path = files.put(string_of(call.arg(4)));
  call.give(outcome_of(files.call<&wasi::path_link>(fd, flags, path.offset, path.length, new_fd,
                                                    new_path.offset, new_path.length)));
}

void rename_at(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint32_t new_fd = descriptor(call, 2);
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(1)));
  const auto new_path = files.put(string_of(call.arg(3)));
  call.give(outcome_of(files.call<&wasi::path_rename>(fd, path.offset, path.length, new_fd,
                                                      new_path.offset, new_path.length)));
}

void symlink_at(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  Preview1Call files(call);
  const auto target = files.put(string_of(call.arg(1)));
  const auto path = files.put(string_of(call.arg(2)));
  call.give(outcome_of(
      files.call<&wasi::path_symlink>(target.offset, target.length, fd, path.offset, path.length)));
}

void readlink_at(HostCall& call) {
  constexpr std::size_t longest_target = 4096;  // PATH_MAX
  const std::uint32_t fd = descriptor(call);
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(1)));
  const auto buffer = files.room(longest_target);
  const auto used = files.room(sizeof(std::uint32_t));
  const Errno code = files.call<&wasi::path_readlink>(fd, path.offset, path.length, buffer.offset,
                                                      buffer.length, used.offset);
  call.give(
      code == Errno::success
          ? Value::ok(Value::string(files.text({buffer.offset, files.load<std::uint32_t>(used)})))
          : failed(code));
}

// ---- Opening ----

struct OpenArguments {
  std::uint32_t open_flags = 0;
  Rights base = 0;
  std::uint32_t descriptor_flags = 0;
};

OpenArguments open_arguments(const wasmtime_component_val_t& open,
                             const wasmtime_component_val_t& flags) {
  OpenArguments arguments;
  arguments.open_flags = (has_flag(open, "create") ? wasi::oflags::creat : 0U) |
                         (has_flag(open, "directory") ? wasi::oflags::directory : 0U) |
                         (has_flag(open, "exclusive") ? wasi::oflags::excl : 0U) |
                         (has_flag(open, "truncate") ? wasi::oflags::trunc : 0U);
  constexpr Rights reading = rights::fd_read | rights::fd_readdir;
  // Everything that is neither reading nor writing is judged when it is done.
  arguments.base = (rights::of_file | rights::of_directory) & ~reading & ~rights::of_writing;
  arguments.base |= has_flag(flags, "read") ? reading : 0;
  arguments.base |= has_flag(flags, "write") ? rights::of_writing : 0;
  arguments.descriptor_flags =
      (has_flag(flags, "file-integrity-sync") ? wasi::fdflags::sync : 0U) |
      (has_flag(flags, "data-integrity-sync") ? wasi::fdflags::dsync : 0U) |
      (has_flag(flags, "requested-write-sync") ? wasi::fdflags::rsync : 0U);
  return arguments;
}

void open_at(HostCall& call) {
  const std::uint32_t fd = descriptor(call);
  const std::uint32_t flags = lookup_flags(call.arg(1));
  const OpenArguments arguments = open_arguments(call.arg(3), call.arg(4));
  Preview1Call files(call);
  const auto path = files.put(string_of(call.arg(2)));
  const auto opened = files.room(sizeof(std::uint32_t));
  const Errno code = files.call<&wasi::path_open>(fd, flags, path.offset, path.length,
                                                  arguments.open_flags, arguments.base, rights::all,
                                                  arguments.descriptor_flags, opened.offset);
  call.give(code == Errno::success
                ? Value::ok(call.own(ResourceKind::descriptor, files.load<std::uint32_t>(opened)))
                : failed(code));
}

void drop_descriptor(ComponentRun& run, std::uint32_t fd) noexcept {
  // A preopened directory may be asked for again.
  if (fd < run.first_closable_fd) {
    return;
  }
  if (const auto use = run.files.find(fd); use != run.files.end()) {
    use->second.descriptor_dropped = true;
    return;
  }
  close_file(run, fd);
}

void is_same_object(HostCall& call) {
  Errno left_code = Errno::success;
  Errno right_code = Errno::success;
  const wasi::Filestat left = stat_of(call, left_code);
  const std::uint32_t other = descriptor(call, 1);
  Preview1Call files(call);
  const auto stat = files.room(sizeof(wasi::Filestat));
  right_code = files.call<&wasi::fd_filestat_get>(other, stat.offset);
  const auto right = files.load<wasi::Filestat>(stat);
  call.give(Value::boolean(left_code == Errno::success && right_code == Errno::success &&
                           left.device == right.device && left.inode == right.inode));
}

void filesystem_error_code(HostCall& call) {
  const IoError& error = call.resource<IoError>(0, ResourceKind::error);
  call.give(Value::some(Value::enumeration(error_code_name(error.code))));
}

std::optional<std::string> preopen_name(HostCall& call, std::uint32_t fd) {
  Preview1Call files(call);
  const auto found = files.room(sizeof(wasi::Prestat));
  if (files.call<&wasi::fd_prestat_get>(fd, found.offset) != Errno::success) {
    return std::nullopt;
  }
  Preview1Call names(call);
  const auto name = names.room(files.load<wasi::Prestat>(found).name_length);
  if (names.call<&wasi::fd_prestat_dir_name>(fd, name.offset, name.length) != Errno::success) {
    return std::nullopt;
  }
  return std::string(names.text(name));
}

void get_directories(HostCall& call) {
  std::vector<Value> directories;
  std::uint32_t fd = first_preopen;
  for (; auto name = preopen_name(call, fd); ++fd) {
    std::vector<Value> pair;
    pair.push_back(call.own(ResourceKind::descriptor, fd));
    pair.push_back(Value::string(*name));
    directories.push_back(Value::tuple(std::move(pair)));
  }
  call.run.first_closable_fd = fd;
  call.give(Value::list(std::move(directories)));
}

constexpr std::array type_resources = {
    ResourceEntry{"descriptor", ResourceKind::descriptor, &drop_descriptor},
    ResourceEntry{"directory-entry-stream", ResourceKind::directory_entry_stream,
                  &drop_entry_stream}};
constexpr std::array type_functions = {
    FunctionEntry{"[method]descriptor.read-via-stream", &read_via_stream},
    FunctionEntry{"[method]descriptor.write-via-stream", &write_via_stream},
    FunctionEntry{"[method]descriptor.append-via-stream", &append_via_stream},
    FunctionEntry{"[method]descriptor.advise", &advise},
    FunctionEntry{"[method]descriptor.sync-data", &sync_with<&wasi::fd_datasync>},
    FunctionEntry{"[method]descriptor.get-flags", &get_flags},
    FunctionEntry{"[method]descriptor.get-type", &get_type},
    FunctionEntry{"[method]descriptor.set-size", &set_size},
    FunctionEntry{"[method]descriptor.set-times", &set_times},
    FunctionEntry{"[method]descriptor.read", &read},
    FunctionEntry{"[method]descriptor.write", &write},
    FunctionEntry{"[method]descriptor.read-directory", &read_directory},
    FunctionEntry{"[method]descriptor.sync", &sync_with<&wasi::fd_sync>},
    FunctionEntry{"[method]descriptor.create-directory-at",
                  &change_path<&wasi::path_create_directory>},
    FunctionEntry{"[method]descriptor.stat", &stat_with<&stat_of>},
    FunctionEntry{"[method]descriptor.stat-at", &stat_with<&stat_at>},
    FunctionEntry{"[method]descriptor.set-times-at", &set_times_at},
    FunctionEntry{"[method]descriptor.link-at", &link_at},
    FunctionEntry{"[method]descriptor.open-at", &open_at},
    FunctionEntry{"[method]descriptor.readlink-at", &readlink_at},
    FunctionEntry{"[method]descriptor.remove-directory-at",
                  &change_path<&wasi::path_remove_directory>},
    FunctionEntry{"[method]descriptor.rename-at", &rename_at},
    FunctionEntry{"[method]descriptor.symlink-at", &symlink_at},
    FunctionEntry{"[method]descriptor.unlink-file-at", &change_path<&wasi::path_unlink_file>},
    FunctionEntry{"[method]descriptor.is-same-object", &is_same_object},
    FunctionEntry{"[method]descriptor.metadata-hash", &metadata_hash_with<&stat_of>},
    FunctionEntry{"[method]descriptor.metadata-hash-at", &metadata_hash_with<&stat_at>},
    FunctionEntry{"[method]directory-entry-stream.read-directory-entry", &read_directory_entry},
    FunctionEntry{"filesystem-error-code", &filesystem_error_code}};
constexpr std::array preopen_functions = {FunctionEntry{"get-directories", &get_directories}};

constexpr std::array interfaces = {
    Interface{"wasi:filesystem/types@0.2.12", type_resources, type_functions},
    Interface{"wasi:filesystem/preopens@0.2.12", {}, preopen_functions},
};

}  // namespace

std::span<const Interface> filesystem_interfaces() { return interfaces; }

}  // namespace omnisandbox::wasm::component::wasi02
