#include "docker/file_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"

namespace omnisandbox::docker {
namespace {

constexpr std::uint32_t permission_bits = 0777;
// NAME_MAX of Linux's file systems.
constexpr std::size_t max_name_bytes = 255;

Error no_file_stream(std::string_view what) {
  return base::make_error(ErrorKind::io, "the container sent what are no files: {}", what);
}

Error beyond(std::string_view path, std::string_view what, std::string_view key) {
  return base::make_error(
      ErrorKind::too_large, "the container sent {} with {}; raise {} in the policy, or copy less",
      path.empty() ? "what was asked for" : base::printable(path, 200), what, key);
}

}  // namespace

bool is_copied_path(std::string_view path) {
  if (path.empty()) {
    return true;
  }
  unsigned depth = 0;
  for (std::size_t start = 0; start <= path.size(); ++depth) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view name = path.substr(start, end - start);
    if (name.empty() || name == "." || name == ".." || name.size() > max_name_bytes ||
        name.find('\0') != std::string_view::npos) {
      return false;
    }
    start = end + 1;
  }
  return depth <= init::max_tree_depth;
}

bool FileStream::gather(std::string& target, std::uint64_t wanted, std::string_view& bytes) {
  const auto size = std::min<std::uint64_t>(wanted - target.size(), bytes.size());
  target += bytes.substr(0, static_cast<std::size_t>(size));
  bytes.remove_prefix(static_cast<std::size_t>(size));
  return target.size() == wanted;
}

Expected<void> FileStream::take_header() {
  std::memcpy(&entry_, gathered_.data(), sizeof entry_);
  gathered_.clear();
  if (entry_.kind == init::EntryKind::end) {
    state_ = State::ended;
    return {};
  }
  const bool is_folder = entry_.kind == init::EntryKind::folder;
  if (!is_folder && entry_.kind != init::EntryKind::file) {
    return no_file_stream("an entry that is neither a file nor a folder");
  }
  if (entry_.path_bytes > init::max_path_bytes || (is_folder && entry_.size_bytes != 0)) {
    return no_file_stream("an entry with impossible sizes");
  }
  file_ = {.is_folder = is_folder, .mode = entry_.mode & permission_bits};
  state_ = State::path;
  return {};
}

Expected<void> FileStream::take_path() {
  file_.path = std::exchange(gathered_, {});
  if (!is_copied_path(file_.path)) {
    return no_file_stream("the path " + base::printable(file_.path, 200));
  }
  // A file is all that is copied, or the folder that holds it comes first.
  if (file_.path.empty() != (entries_ == 0)) {
    return no_file_stream("more than what was asked for");
  }
  if (++entries_ > limits_.max_entries) {
    return beyond(file_.path, fmt::format("more than {} files and folders", limits_.max_entries),
                  "max_files_created");
  }
  if (entry_.size_bytes > limits_.max_file_bytes) {
    return beyond(
        file_.path,
        fmt::format("{}, and a file may have {}", base::format_byte_size(entry_.size_bytes),
                    base::format_byte_size(limits_.max_file_bytes)),
        "max_file_bytes");
  }
  total_bytes_ += entry_.size_bytes;
  if (total_bytes_ > limits_.max_total_bytes) {
    return beyond(
        file_.path,
        fmt::format("more than {} in all", base::format_byte_size(limits_.max_total_bytes)),
        "max_write_bytes");
  }
  state_ = State::content;
  return {};
}

Expected<void> FileStream::finish_entry() {
  file_.content = std::exchange(gathered_, {});
  state_ = State::header;
  return take_(std::exchange(file_, {}));
}

Expected<void> FileStream::feed(std::string_view bytes) {
  for (;;) {
    switch (state_) {
      case State::header:
        if (!gather(gathered_, sizeof entry_, bytes)) {
          return {};
        }
        TRY(take_header());
        break;
      case State::path:
        if (!gather(gathered_, entry_.path_bytes, bytes)) {
          return {};
        }
        TRY(take_path());
        break;
      case State::content:
        if (!gather(gathered_, entry_.size_bytes, bytes)) {
          return {};
        }
        TRY(finish_entry());
        break;
      case State::ended:
        return bytes.empty() ? Expected<void>() : no_file_stream("bytes after the last entry");
    }
  }
}

}  // namespace omnisandbox::docker
