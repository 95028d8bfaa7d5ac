#include "runner/module_cache.h"

#include <fcntl.h>

#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "omnisandbox/runtime.h"
#include "runner/module_source.h"
#include "wasm/cache/module_cache.h"

namespace omnisandbox::runner {
namespace {

constexpr std::string_view folder_name = "omnisandbox";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Expected<std::shared_ptr<wasm::ModuleCache>> open_user_cache() {
  const std::string folder = TRY(user_cache_folder());
  return wasm::ModuleCache::open(folder);
}

// Beside the target first, so that a crash leaves the old file or the new one.
Expected<void> replace_file(const std::string& path, std::span<const std::byte> bytes) {
  const std::size_t slash = path.find_last_of('/');
  const std::string folder_path =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const linux_::Fd folder =
      TRY(linux_::open_at2(AT_FDCWD, folder_path, O_RDONLY | O_DIRECTORY, 0, 0));
  const std::string unfinished = "." + name + "." + base::random_id();
  const linux_::Fd file = TRY(linux_::open_at2(
      folder.get(), unfinished, O_WRONLY | O_CREAT | O_EXCL, 0666, linux_::resolve_exactly));
  auto written = linux_::write_full(file, bytes);
  if (written) {
    written = linux_::rename_at(folder, unfinished, folder, name);
  }
  if (!written) {
    static_cast<void>(linux_::remove_file_at(folder, unfinished));
  }
  return written;
}

}  // namespace

Expected<std::string> user_cache_folder() {
  // XDG Base Directory Specification: a relative path is ignored.
  const std::string chosen = variable("XDG_CACHE_HOME");
  if (chosen.starts_with('/')) {
    return chosen + "/" + std::string(folder_name);
  }
  const std::string home = variable("HOME");
  if (home.starts_with('/')) {
    return home + "/.cache/" + std::string(folder_name);
  }
  return base::make_error(ErrorKind::unavailable,
                          "there is no place for the module cache: set XDG_CACHE_HOME or HOME to "
                          "an absolute path");
}

std::string usable_cache_folder() {
  auto folder = user_cache_folder();
  if (!folder || !wasm::ModuleCache::open(*folder)) {
    return {};
  }
  return *std::move(folder);
}

Expected<std::vector<CachedModule>> list_cached_modules() {
  const auto cache = TRY(open_user_cache());
  std::vector<CachedModule> modules;
  for (auto& item : TRY(cache->list())) {
    modules.push_back(
        {.name = std::move(item.name), .size_bytes = item.size_bytes, .last_used = item.last_used});
  }
  return modules;
}

Expected<std::size_t> clear_cached_modules() { return TRY(open_user_cache())->clear(); }

Expected<void> compile_module(const Policy& policy, const std::string& module,
                              const std::string& output) {
  const ModuleSource source = TRY(parse_module_source(module));
  const std::string bytes = TRY(read_module(source));
  std::string folder = TRY(user_cache_folder());
  Runtime runtime = TRY(Runtime::create(
      policy, RuntimeOptions{.isolation = Isolation::worker, .module_cache = std::move(folder)}));
  const auto compiled = TRY(runtime.precompile(std::as_bytes(std::span(bytes))));
  return replace_file(output, compiled);
}

}  // namespace omnisandbox::runner
