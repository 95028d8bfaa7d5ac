#include "process/seccomp_filters.h"

#include "base/try.h"

namespace omnisandbox::process {

Expected<std::string_view> SeccompFilters::get(FilterKind kind) const {
  const std::lock_guard lock(mutex_);
  std::optional<std::string>& filter = built_.at(static_cast<std::size_t>(kind));
  if (!filter) {
    filter = TRY(build_seccomp_filter(kind));
  }
  return std::string_view(*filter);
}

}  // namespace omnisandbox::process
