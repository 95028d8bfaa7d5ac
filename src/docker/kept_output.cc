#include "docker/kept_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace omnisandbox::docker {
namespace {

// A limit below has no room for the line in the middle.
constexpr std::uint64_t smallest_split_bytes = 256;
constexpr std::uint64_t gap_line_bytes = 64;

}  // namespace

KeptOutput::KeptOutput(std::uint64_t limit_bytes, std::function<void(std::string_view)> callback)
    : limit_(limit_bytes),
      head_limit_(limit_bytes < smallest_split_bytes ? limit_bytes : limit_bytes / 2),
      callback_(std::move(callback)) {}

void KeptOutput::add(std::string_view piece) {
  if (callback_ && total_ < limit_) {
    callback_(piece.substr(0, std::min<std::uint64_t>(limit_ - total_, piece.size())));
  }
  total_ += piece.size();
  const std::uint64_t room = head_limit_ - head_.size();
  head_ += piece.substr(0, std::min<std::uint64_t>(room, piece.size()));
  if (piece.size() <= room) {
    return;
  }
  piece.remove_prefix(static_cast<std::size_t>(room));
  const std::uint64_t tail_limit = limit_ - head_limit_;
  if (piece.size() > tail_limit) {
    piece.remove_prefix(piece.size() - static_cast<std::size_t>(tail_limit));
    tail_.clear();
  }
  tail_ += piece;
  // Seldom, so that each byte is moved once on average.
  if (tail_.size() > 2 * tail_limit) {
    tail_.erase(0, tail_.size() - static_cast<std::size_t>(tail_limit));
  }
}

std::string KeptOutput::take() {
  if (!is_truncated()) {
    return std::exchange(head_, {}) + std::exchange(tail_, {});
  }
  if (head_limit_ == limit_) {
    return std::exchange(head_, {});
  }
  const auto tail_limit = static_cast<std::size_t>(limit_ - head_limit_ - gap_line_bytes);
  const std::uint64_t missing = total_ - head_.size() - tail_limit;
  std::string kept = std::exchange(head_, {});
  kept += fmt::format("\n[... {} bytes are left out ...]\n", missing);
  kept += std::string_view(tail_).substr(tail_.size() - tail_limit);
  tail_.clear();
  return kept;
}

}  // namespace omnisandbox::docker
