#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "process/seccomp_filter.h"

namespace omnisandbox::process {

/// The filters of a sandbox's runs, each built when the first run needs it: building one takes some
/// milliseconds. Thread rule: may be used from any thread.
class SeccompFilters {
 public:
  /// Lives as long as this object.
  Expected<std::string_view> get(FilterKind kind) const;

 private:
  static constexpr std::size_t kinds = 3;
  mutable std::mutex mutex_;
  mutable std::array<std::optional<std::string>, kinds> built_;  // guarded by mutex_; set once
};

}  // namespace omnisandbox::process
