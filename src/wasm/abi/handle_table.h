#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omnisandbox/expected.h"
#include "policy/compiled_policy.h"

namespace omnisandbox::wasm::abi {

/// What a host function answered, kept for the guest to read in parts.
struct StoredResult {
  struct Part {
    std::string bytes;
    std::uint64_t total_bytes = 0;  ///< before the output limit
  };
  std::vector<Part> parts;
  std::int32_t status = 0;

  std::uint64_t size() const noexcept;
};

/// A part whose bytes are all there.
StoredResult::Part whole(std::string bytes);

/// The results of one run, by handle. A handle is never used twice, so one that is stale is always
/// noticed.
class HandleTable {
 public:
  explicit HandleTable(const policy::Limits& limits);

  /// Asked before a call has an effect: is there a free handle, and room for `bytes` more? Error:
  /// `limit`.
  Expected<void> check_room(std::uint64_t bytes) const;
  /// Error: `limit`.
  Expected<std::int32_t> add(StoredResult result);
  /// Null for a handle that is not live.
  const StoredResult* find(std::int32_t handle) const noexcept;
  bool drop(std::int32_t handle) noexcept;

  std::size_t live() const noexcept { return results_.size(); }
  std::uint64_t held_bytes() const noexcept { return held_bytes_; }

 private:
  const std::uint64_t held_bytes_limit_;
  std::uint64_t held_bytes_ = 0;
  std::int32_t last_handle_ = 0;
  std::vector<std::pair<std::int32_t, StoredResult>> results_;
};

}  // namespace omnisandbox::wasm::abi
