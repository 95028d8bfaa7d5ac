#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace omnisandbox::wasm {

/// Keeps the first `limit` bytes of a stream and counts the rest. Never refuses, so a guest cannot
/// block on it.
class OutputCapture {
 public:
  explicit OutputCapture(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  void append(std::string_view bytes) {
    add_dropped(bytes.size());
    const std::string_view kept = bytes.substr(0, limit_bytes_ - kept_total_);
    kept_.append(kept);
    kept_total_ += kept.size();
  }
  /// Counts bytes that were dropped elsewhere.
  void add_dropped(std::uint64_t count) {
    // The count may be a lie: it stops at the largest number.
    total_bytes_ = total_bytes_ > max_count - count ? max_count : total_bytes_ + count;
  }
  std::uint64_t total_bytes() const { return total_bytes_; }
  std::size_t kept_bytes() const { return kept_.size(); }
  bool truncated() const { return total_bytes_ > kept_total_; }
  /// As if nothing had come.
  void clear() { *this = OutputCapture(limit_bytes_); }
  std::string take() { return std::move(kept_); }

  /// What came since the last piece.
  struct Piece {
    std::string bytes;
    std::uint64_t dropped_bytes = 0;
  };
  Piece take_piece() {
    const std::uint64_t dropped = total_bytes_ - kept_total_;
    Piece piece{std::exchange(kept_, {}), dropped - dropped_in_pieces_};
    dropped_in_pieces_ = dropped;
    return piece;
  }

 private:
  std::uint64_t limit_bytes_;
  static constexpr std::uint64_t max_count = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t total_bytes_ = 0;
  std::uint64_t kept_total_ = 0;
  std::uint64_t dropped_in_pieces_ = 0;
  std::string kept_;
};

}  // namespace omnisandbox::wasm
