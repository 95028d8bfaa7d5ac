#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"

/// The user's own cache of compiled modules.
namespace omnisandbox::runner {

/// omnisandbox in $XDG_CACHE_HOME, else in $HOME/.cache. `unavailable` without either.
Expected<std::string> user_cache_folder();
/// The same where it can be used, otherwise empty: a cache saves time, and is needed for nothing.
std::string usable_cache_folder();

struct CachedModule {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::chrono::system_clock::time_point last_used{};
};
/// Oldest use first.
Expected<std::vector<CachedModule>> list_cached_modules();
/// Returns how many there were.
Expected<std::size_t> clear_cached_modules();

/// Compiles the file `module` to the new or replaced file `output`, which `run` takes in its place.
Expected<void> compile_module(const Policy& policy, const std::string& module,
                              const std::string& output);

}  // namespace omnisandbox::runner
