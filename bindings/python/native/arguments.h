#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What Python gives for a run, in C++ types.
namespace omnisandbox::python {

using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;
using Seconds = std::optional<double>;

/// At least 1 ms, as nothing would be no limit in some places.
inline std::optional<std::chrono::milliseconds> milliseconds(Seconds seconds) {
  if (!seconds) {
    return {};
  }
  constexpr double longest = 3600.0 * 24 * 365 * 100;  // no limit, and still a point in time
  const auto limit = std::chrono::duration<double>(std::min(*seconds, longest));
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(limit),
                  std::chrono::milliseconds(1));
}

}  // namespace omnisandbox::python
