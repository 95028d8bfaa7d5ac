#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace omnisandbox::wasm {

/// Keeps the first `limit` bytes of a stream and counts the rest. Never refuses, so a guest cannot
/// block on it.
class OutputCapture {
 public:
  explicit OutputCapture(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  void append(std::string_view bytes) {
    total_bytes_ += bytes.size();
    if (kept_.size() < limit_bytes_) {
      kept_.append(bytes.substr(0, limit_bytes_ - kept_.size()));
    }
  }
  std::uint64_t total_bytes() const { return total_bytes_; }
  bool truncated() const { return total_bytes_ > kept_.size(); }
  std::string take() { return std::move(kept_); }

 private:
  std::uint64_t limit_bytes_;
  std::uint64_t total_bytes_ = 0;
  std::string kept_;
};

}  // namespace omnisandbox::wasm
