#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "wasm/abi/call_arguments.h"
#include "wasm/abi/error_codes.h"
#include "wasm/abi/functions.h"
#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {
namespace {

constexpr std::int32_t mode_mask = 0xFF;
constexpr std::int32_t synced_flag = 0x100;
constexpr std::size_t stat_bytes = 24;

/// The path argument, or empty with `*answer` set.
std::optional<std::string_view> path_at(GuestCall& call, std::string_view function,
                                        GuestRange range, std::int32_t& answer) {
  const auto path = text_at(call, function, range);
  if (!path) {
    return std::nullopt;
  }
  if (const auto fits = check_length("path", range, max_name_bytes); !fits) {
    answer = fail(call, fits.error());
    return std::nullopt;
  }
  return path;
}

std::uint8_t letter_of(FileType type) {
  switch (type) {
    case FileType::regular:
      return 'f';
    case FileType::directory:
      return 'd';
    case FileType::symlink:
      return 'l';
    case FileType::other:
      return 'o';
  }
  return 'o';
}

std::uint32_t number_of(FileType type) {
  switch (type) {
    case FileType::regular:
      return 0;
    case FileType::directory:
      return 1;
    case FileType::symlink:
      return 2;
    case FileType::other:
      return 3;
  }
  return 3;
}

Expected<ReadRange> range_of(std::int64_t offset, std::int64_t length) {
  constexpr std::int64_t to_end = -1;
  if (offset < 0 || length < to_end) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "fs_read: offset {} and length {}: both must not be negative, but for length -1, "
        "which means to the end",
        offset, length);
  }
  ReadRange range{.offset = static_cast<std::uint64_t>(offset)};
  if (length != to_end) {
    range.length = static_cast<std::uint64_t>(length);
  }
  return range;
}

Expected<WriteOptions> write_options_of(std::int32_t mode) {
  WriteOptions options;
  options.durability = (mode & synced_flag) != 0 ? Durability::synced : Durability::none;
  if ((mode & ~(mode_mask | synced_flag)) == 0) {
    switch (mode & mode_mask) {
      case 0:
        options.mode = WriteMode::replace;
        return options;
      case 1:
        options.mode = WriteMode::append;
        return options;
      case 2:
        options.mode = WriteMode::create_new;
        return options;
      default:
        break;
    }
  }
  return base::make_error(
      ErrorKind::invalid_argument,
      "fs_write: mode {} is unknown; 0 replaces, 1 appends, 2 creates, plus 256 for synced", mode);
}

Expected<StoredResult> read_file(GuestCall& call, std::string_view path, std::int64_t offset,
                                 std::int64_t length) {
  const ReadRange range = TRY(range_of(offset, length));
  const std::uint64_t limit = call.run.context.limits().max_file_bytes;
  TRY(handles_of(call.run).check_room(std::min(range.length.value_or(limit), limit)));
  StoredResult result;
  result.parts.push_back(whole(TRY(call.run.host_functions.fs_read(path, range))));
  return result;
}

Expected<StoredResult> list_directory(GuestCall& call, std::string_view path) {
  TRY(handles_of(call.run).check_room(0));
  const auto entries = TRY(call.run.host_functions.fs_list(path));
  std::size_t size = 0;
  for (const DirectoryEntry& entry : entries) {
    size += entry.name.size() + 2;
  }
  std::string text;
  text.reserve(size);
  for (const DirectoryEntry& entry : entries) {
    text += static_cast<char>(letter_of(entry.type));
    text += entry.name;
    text += '\0';
  }
  StoredResult result;
  result.parts.push_back(whole(std::move(text)));
  return result;
}

std::array<std::uint8_t, stat_bytes> encode(const FileInfo& info) {
  const auto modified =
      std::chrono::duration_cast<std::chrono::nanoseconds>(info.modified.time_since_epoch())
          .count();
  const std::uint32_t type = number_of(info.type);
  std::array<std::uint8_t, stat_bytes> bytes{};
  std::memcpy(bytes.data(), &info.size_bytes, 8);
  std::memcpy(bytes.data() + 8, &modified, 8);
  std::memcpy(bytes.data() + 16, &type, 4);
  std::memcpy(bytes.data() + 20, &info.mode, 4);
  return bytes;
}

std::int32_t done_or_fail(GuestCall& call, const Expected<void>& done) {
  return done ? 0 : fail(call, done.error());
}

}  // namespace

std::int32_t fs_read(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                     std::int64_t offset, std::int64_t length) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_read", {path, path_len}, answer);
  if (!name) {
    return answer;
  }
  auto result = read_file(call, *name, offset, length);
  return result ? keep(call, std::move(*result)) : fail(call, result.error());
}

std::int32_t fs_stat(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                     std::uint32_t stat) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_stat", {path, path_len}, answer);
  if (!name) {
    return answer;
  }
  const auto target = bytes_at(call, "fs_stat", {stat, stat_bytes});
  if (!target) {
    return 0;
  }
  const auto info = call.run.host_functions.fs_stat(*name);
  if (!info) {
    return fail(call, info.error());
  }
  const auto bytes = encode(*info);
  std::memcpy(target->data(), bytes.data(), bytes.size());
  return 0;
}

std::int32_t fs_list(GuestCall& call, std::uint32_t path, std::uint32_t path_len) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_list", {path, path_len}, answer);
  if (!name) {
    return answer;
  }
  auto result = list_directory(call, *name);
  return result ? keep(call, std::move(*result)) : fail(call, result.error());
}

std::int32_t fs_write(GuestCall& call, std::uint32_t path, std::uint32_t path_len,
                      std::uint32_t content, std::uint32_t content_len, std::int32_t mode) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_write", {path, path_len}, answer);
  if (!name) {
    return answer;
  }
  const auto bytes = text_at(call, "fs_write", {content, content_len});
  if (!bytes) {
    return 0;
  }
  const auto options = write_options_of(mode);
  if (!options) {
    return fail(call, options.error());
  }
  return done_or_fail(call, call.run.host_functions.fs_write(*name, *bytes, *options));
}

std::int32_t fs_delete(GuestCall& call, std::uint32_t path, std::uint32_t path_len) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_delete", {path, path_len}, answer);
  return name ? done_or_fail(call, call.run.host_functions.fs_delete(*name)) : answer;
}

std::int32_t fs_make_directory(GuestCall& call, std::uint32_t path, std::uint32_t path_len) {
  std::int32_t answer = 0;
  const auto name = path_at(call, "fs_make_directory", {path, path_len}, answer);
  return name ? done_or_fail(call, call.run.host_functions.fs_make_directory(*name)) : answer;
}

}  // namespace omnisandbox::wasm::abi
