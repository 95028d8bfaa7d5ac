#include "wasm/abi/handle_table.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {

std::uint64_t held_bytes_limit(const policy::Limits& limits) noexcept {
  const std::uint64_t largest =
      std::max({limits.max_file_bytes, limits.max_response_bytes + response_headers_bytes,
                2 * limits.max_output_bytes});
  return std::max(min_held_bytes, largest_results_held * largest);
}

std::uint64_t StoredResult::size() const noexcept {
  std::uint64_t total = 0;
  for (const Part& part : parts) {
    total += part.bytes.size();
  }
  return total;
}

StoredResult::Part whole(std::string bytes) {
  const std::uint64_t size = bytes.size();
  return {.bytes = std::move(bytes), .total_bytes = size};
}

HandleTable::HandleTable(const policy::Limits& limits)
    : held_bytes_limit_(held_bytes_limit(limits)) {}

Expected<void> HandleTable::check_room(std::uint64_t bytes) const {
  if (results_.size() >= max_live_handles ||
      last_handle_ == std::numeric_limits<std::int32_t>::max()) {
    return base::make_error(ErrorKind::limit,
                            "the guest holds {} results; result_drop the ones that it has read",
                            results_.size());
  }
  if (bytes > held_bytes_limit_ - held_bytes_) {
    return base::make_error(ErrorKind::limit,
                            "the guest's results hold {}, and {} more would pass the limit of {}; "
                            "result_drop the ones that it has read",
                            base::format_byte_size(held_bytes_), base::format_byte_size(bytes),
                            base::format_byte_size(held_bytes_limit_));
  }
  return {};
}

Expected<std::int32_t> HandleTable::add(StoredResult result) {
  const std::uint64_t size = result.size();
  TRY(check_room(size));
  results_.emplace_back(last_handle_ + 1, std::move(result));
  held_bytes_ += size;
  return ++last_handle_;
}

const StoredResult* HandleTable::find(std::int32_t handle) const noexcept {
  const auto found =
      std::ranges::find(results_, handle, &std::pair<std::int32_t, StoredResult>::first);
  return found == results_.end() ? nullptr : &found->second;
}

bool HandleTable::drop(std::int32_t handle) noexcept {
  const auto found =
      std::ranges::find(results_, handle, &std::pair<std::int32_t, StoredResult>::first);
  if (found == results_.end()) {
    return false;
  }
  held_bytes_ -= found->second.size();
  results_.erase(found);
  return true;
}

}  // namespace omnisandbox::wasm::abi
