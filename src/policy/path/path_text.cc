#include "policy/path/path_text.h"

#include <cerrno>
#include <climits>

#include "base/error.h"
#include "policy/limits.h"

namespace omnisandbox::policy {
namespace {

Error unusable(std::string_view text, std::string_view why, int system_errno) {
  Error error = base::make_error(ErrorKind::invalid_argument, "the path \"{}\" cannot be used: {}",
                                 base::printable(text), why);
  error.resource = text;
  error.system_errno = system_errno;
  return error;
}

}  // namespace

Expected<PathText> parse_path(std::string_view text) {
  if (text.empty()) {
    return unusable(text, "it is empty", ENOENT);
  }
  if (text.size() > max_path_bytes) {
    return unusable(text, "it is longer than 4095 bytes", ENAMETOOLONG);
  }
  if (text.find('\0') != std::string_view::npos) {
    return unusable(text, "it contains a NUL byte", EINVAL);
  }
  if (text.front() != '/') {
    return unusable(text, "it is not absolute; begin it with \"/\"", EINVAL);
  }
  PathText result;
  result.path.reserve(text.size());
  std::size_t position = 0;
  while (position < text.size()) {
    // `position` is at a slash here.
    const std::size_t begin = position + 1;
    std::size_t end = text.find('/', begin);
    if (end == std::string_view::npos) {
      end = text.size();
    }
    const std::string_view component = text.substr(begin, end - begin);
    position = end;
    result.wants_directory = component.empty() || component == "." || component == "..";
    if (component.empty() || component == ".") {
      continue;
    }
    if (component.size() > NAME_MAX) {
      return unusable(text, "a component is longer than 255 bytes", ENAMETOOLONG);
    }
    result.has_parent_steps |= component == "..";
    result.path += '/';
    result.path += component;
  }
  if (result.path.empty()) {
    result.path = "/";
  }
  return result;
}

bool is_at_or_beneath(std::string_view path, std::string_view folder) {
  if (folder == "/") {
    return path.starts_with('/');
  }
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string join(std::string_view folder, std::string_view name) {
  std::string result;
  result.reserve(folder.size() + 1 + name.size());
  if (folder != "/") {
    result = folder;
  }
  result += '/';
  result += name;
  return result;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/")
                                                       : path.substr(0, slash);
}

std::string_view last_component_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace omnisandbox::policy
