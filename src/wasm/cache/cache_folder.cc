#include "wasm/cache/cache_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "linux/random.h"

namespace omnisandbox::wasm {
namespace {

constexpr unsigned private_folder_mode = 0700;
constexpr unsigned private_file_mode = 0600;
// What a use is noted for is the order of removal, which need not be exact.
constexpr std::chrono::minutes use_resolution{10};
constexpr mode_t rights_of_others = S_IRWXG | S_IRWXO;

bool is_taken(const Error& error) { return error.system_errno == EEXIST; }

Expected<void> check_private(const struct stat& status, const char* what) {
  if (status.st_uid != ::geteuid() || (status.st_mode & rights_of_others) != 0) {
    return base::make_error(ErrorKind::unavailable,
                            "{} is not used: it must belong to this user (it is {}'s) and be "
                            "closed to all others (its mode is {:04o}); chmod go= it, or name "
                            "another folder",
                            what, status.st_uid, status.st_mode & 07777U);
  }
  return {};
}

Expected<linux_::Fd> open_parent(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  const std::string parent(slash == 0 ? "/" : path.substr(0, slash));
  auto opened = linux_::open_at2(AT_FDCWD, parent, O_PATH | O_DIRECTORY, 0, 0);
  if (opened || opened.error().system_errno != ENOENT || parent == "/") {
    return opened;
  }
  // ~/.cache of a new user.
  const linux_::Fd above = TRY(open_parent(parent));
  const std::string_view name = std::string_view(parent).substr(parent.find_last_of('/') + 1);
  auto made = linux_::make_directory_at(above, name, private_folder_mode);
  if (!made && !is_taken(made.error())) {
    return std::move(made).error();
  }
  return linux_::open_at2(above.get(), name, O_PATH | O_DIRECTORY, 0, linux_::resolve_exactly);
}

std::optional<CacheSecret> read_secret(const linux_::Fd& folder) {
  const auto file = linux_::open_at2(folder.get(), cache_secret_name, O_RDONLY | O_NONBLOCK, 0,
                                     linux_::resolve_exactly);
  if (!file) {
    return std::nullopt;
  }
  const auto status = linux_::stat_of(*file);
  if (!status || !check_private_file(*status)) {
    return std::nullopt;
  }
  // One byte more tells a file that is too long.
  std::array<std::byte, sizeof(CacheSecret) + 1> bytes{};
  const auto length = linux_::read_full(*file, bytes);
  if (!length || *length != sizeof(CacheSecret)) {
    return std::nullopt;
  }
  CacheSecret secret;
  for (std::size_t index = 0; index < secret.size(); ++index) {
    secret[index] = std::to_integer<std::uint8_t>(bytes[index]);
  }
  return secret;
}

}  // namespace

Expected<linux_::Fd> open_private_folder(const std::string& path) {
  if (!path.starts_with('/') || path.find_last_not_of('/') == std::string::npos) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" cannot hold the module cache: it must be an absolute path",
                            base::printable(path));
  }
  const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
  const linux_::Fd parent = TRY(open_parent(trimmed));
  const std::string_view name = std::string_view(trimmed).substr(trimmed.find_last_of('/') + 1);
  auto made = linux_::make_directory_at(parent, name, private_folder_mode);
  if (!made && !is_taken(made.error())) {
    return std::move(made).error();
  }
  linux_::Fd folder = TRY(linux_::open_at2(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                                           0, linux_::resolve_exactly));
  const std::string what = "the module cache " + base::printable(path);
  const struct stat status = TRY(linux_::stat_of(folder));
  TRY(check_private(status, what.c_str()));
  return folder;
}

Expected<void> check_private_file(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return base::make_error(ErrorKind::unavailable, "a file of the module cache is no file");
  }
  return check_private(status, "a file of the module cache");
}

Expected<CacheSecret> secret_of(const linux_::Fd& folder) {
  if (const auto secret = read_secret(folder)) {
    return *secret;
  }
  CacheSecret secret;
  TRY(linux_::fill_random(secret));
  const std::string unfinished = std::string(cache_secret_name) + "-" + base::random_id();
  const linux_::Fd file =
      TRY(linux_::open_at2(folder.get(), unfinished, O_WRONLY | O_CREAT | O_EXCL, private_file_mode,
                           linux_::resolve_exactly));
  auto placed = linux_::write_full(file, std::as_bytes(std::span(secret)));
  if (placed) {
    placed = linux_::link_at(folder, unfinished, folder, cache_secret_name);
  }
  if (!placed && is_taken(placed.error())) {
    // Another process was first; or what is there is worthless, and goes.
    if (const auto theirs = read_secret(folder)) {
      secret = *theirs;
      placed = Expected<void>();
    } else {
      placed = linux_::rename_at(folder, unfinished, folder, cache_secret_name);
    }
  }
  static_cast<void>(linux_::remove_file_at(folder, unfinished));
  TRY(std::move(placed));
  return secret;
}

Expected<void> place_private_file(const linux_::Fd& folder, std::string_view name,
                                  std::span<const std::byte> content) {
  const std::string unfinished = std::string(unfinished_beginning) + base::random_id();
  const linux_::Fd file =
      TRY(linux_::open_at2(folder.get(), unfinished, O_WRONLY | O_CREAT | O_EXCL, private_file_mode,
                           linux_::resolve_exactly));
  auto placed = linux_::write_full(file, content);
  if (placed) {
    placed = linux_::rename_at(folder, unfinished, folder, name);
  }
  if (!placed) {
    static_cast<void>(linux_::remove_file_at(folder, unfinished));
  }
  return placed;
}

void note_use(const linux_::Fd& file, const struct stat& status) {
  using std::chrono::system_clock;
  const auto modified = system_clock::from_time_t(status.st_mtim.tv_sec);
  if (system_clock::now() - modified > use_resolution) {
    // Without it the file is removed earlier than it should be; nothing else.
    static_cast<void>(
        linux_::set_times(file, {.accessed = {0, UTIME_OMIT}, .modified = {0, UTIME_NOW}}));
  }
}

}  // namespace omnisandbox::wasm
