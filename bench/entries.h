#pragma once

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>

namespace omnisandbox::bench {

/// How many names a folder has; of one that cannot be read none.
inline std::int64_t entries_in(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::distance(std::filesystem::directory_iterator(folder, ignored), {});
}

}  // namespace omnisandbox::bench
