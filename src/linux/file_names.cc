#include "linux/file_names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

// Runs `call` with both texts as C strings.
template <class Call>
Expected<void> call_with_names(std::string_view operation, std::string_view first,
                               std::string_view second, Call&& call) {
  if (first.find('\0') != std::string_view::npos || second.find('\0') != std::string_view::npos) {
    return Error::from_errno(EINVAL, operation, first);
  }
  const std::string first_text(first);
  const std::string second_text(second);
  const int result =
      retry_interrupted([&] { return call(first_text.c_str(), second_text.c_str()); });
  if (result != 0) {
    return Error::from_errno(errno, operation, first);
  }
  return {};
}

Expected<void> remove_at(const Fd& folder, std::string_view name, int flags) {
  return call_with_names("unlinkat", name, {}, [&](const char* text, const char*) {
    return ::unlinkat(folder.get(), text, flags);
  });
}

}  // namespace

Expected<void> make_directory_at(const Fd& folder, std::string_view name, unsigned mode) {
  return call_with_names("mkdirat", name, {}, [&](const char* text, const char*) {
    return ::mkdirat(folder.get(), text, mode);
  });
}

Expected<void> remove_file_at(const Fd& folder, std::string_view name) {
  return remove_at(folder, name, 0);
}

Expected<void> remove_directory_at(const Fd& folder, std::string_view name) {
  return remove_at(folder, name, AT_REMOVEDIR);
}

Expected<void> rename_at(const Fd& old_folder, std::string_view old_name, const Fd& new_folder,
                         std::string_view new_name) {
  return call_with_names("renameat", old_name, new_name, [&](const char* from, const char* to) {
    return ::renameat(old_folder.get(), from, new_folder.get(), to);
  });
}

Expected<void> link_at(const Fd& old_folder, std::string_view old_name, const Fd& new_folder,
                       std::string_view new_name) {
  return call_with_names("linkat", old_name, new_name, [&](const char* from, const char* to) {
    return ::linkat(old_folder.get(), from, new_folder.get(), to, 0);
  });
}

Expected<void> symlink_at(std::string_view target, const Fd& folder, std::string_view name) {
  return call_with_names("symlinkat", name, target, [&](const char* link, const char* text) {
    return ::symlinkat(text, folder.get(), link);
  });
}

Expected<void> set_times(const Fd& file, const FileTimes& times) {
  const timespec both[2] = {times.accessed, times.modified};
  const int result =
      retry_interrupted([&] { return ::utimensat(file.get(), "", both, AT_EMPTY_PATH); });
  if (result != 0) {
    return Error::from_errno(errno, "utimensat", "");
  }
  return {};
}

}  // namespace omnisandbox::linux_
