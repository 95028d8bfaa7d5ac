#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace omnisandbox::docker {

/// What is kept of one output stream: all of it up to the limit; beyond, its begin and its end,
/// with a line between them that says how much is missing. Memory is bounded by twice the limit.
class KeptOutput {
 public:
  /// `callback` gets every piece until the limit is reached, as it comes; may be empty.
  KeptOutput(std::uint64_t limit_bytes, std::function<void(std::string_view)> callback);

  void add(std::string_view piece);

  std::uint64_t total_bytes() const noexcept { return total_; }
  bool is_truncated() const noexcept { return total_ > limit_; }
  /// At most `limit_bytes`. Once.
  std::string take();

 private:
  std::uint64_t limit_;
  std::uint64_t head_limit_;
  std::function<void(std::string_view)> callback_;
  std::string head_;
  std::string tail_;  // the last bytes past the head; trimmed now and then
  std::uint64_t total_ = 0;
};

}  // namespace omnisandbox::docker
