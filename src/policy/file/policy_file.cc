#include "omnisandbox/policy_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"
#include "policy/file/policy_keys.h"
#include "policy/file/yaml_tree.h"

namespace omnisandbox {
namespace {

// The form of every error of this file, so that tools that follow FILE:LINE:COLUMN find the place.
Error whole_file_error(const std::filesystem::path& path, std::string_view message,
                       Error cause = {}) {
  Error error = policy::error_at(path.native(), {}, message);
  error.kind = cause.kind == ErrorKind::internal ? ErrorKind::invalid_argument : cause.kind;
  error.system_errno = cause.system_errno;
  return error;
}

std::string_view name_of_type(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "not a regular file";
  }
}

Error cannot_open(const std::filesystem::path& path, Error cause) {
  if (cause.system_errno == ENOENT || cause.system_errno == ENOTDIR) {
    cause.kind = ErrorKind::not_found;
    return whole_file_error(path, "there is no such file", std::move(cause));
  }
  const std::string message = "the file cannot be opened: " + cause.message;
  return whole_file_error(path, message, std::move(cause));
}

Expected<linux_::Fd> open_regular_file(const std::filesystem::path& path) {
  // First O_PATH, as merely opening a device can have an effect; then O_NONBLOCK, as the name may
  // be a pipe by now.
  constexpr std::array<std::uint64_t, 2> steps = {O_PATH, O_RDONLY | O_NONBLOCK | O_NOCTTY};
  linux_::Fd result;
  for (const std::uint64_t flags : steps) {
    auto file = linux_::open_at2(AT_FDCWD, path.native(), flags, 0, 0);
    if (!file) {
      return cannot_open(path, std::move(file).error());
    }
    auto status = linux_::stat_of(*file);
    if (!status) {
      return cannot_open(path, std::move(status).error());
    }
    if (!S_ISREG(status->st_mode)) {
      return whole_file_error(
          path, fmt::format("found {}, expected a regular file", name_of_type(status->st_mode)));
    }
    result = std::move(*file);
  }
  return result;
}

Expected<std::string> read_policy_text(const std::filesystem::path& path) {
  const linux_::Fd file = TRY(open_regular_file(path));
  // One byte more than the limit shows a file that is too large; its size in `status` may be 0
  // (/proc) or grow.
  std::string text(policy::max_policy_file_bytes + 1, '\0');
  const auto count = linux_::read_full(file, std::as_writable_bytes(std::span(text)));
  if (!count) {
    const std::string message = "the file cannot be read: " + count.error().message;
    return whole_file_error(path, message, count.error());
  }
  if (*count > policy::max_policy_file_bytes) {
    return whole_file_error(path,
                            fmt::format("the file is larger than {}",
                                        base::format_byte_size(policy::max_policy_file_bytes)));
  }
  text.resize(*count);
  return text;
}

}  // namespace

Expected<PolicyFile> load_policy_file(const std::filesystem::path& path) {
  if (path.empty()) {
    return base::make_error(ErrorKind::invalid_argument, "the name of the policy file is empty");
  }
  const std::string text = TRY(read_policy_text(path));
  return parse_policy_file(text, path.native());
}

Expected<PolicyFile> parse_policy_file(std::string_view text, std::string_view file_name) {
  const policy::YamlNode root = TRY(policy::parse_yaml(text, file_name));
  return policy::read_policy(root, file_name);
}

}  // namespace omnisandbox
