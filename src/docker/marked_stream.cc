#include "docker/marked_stream.h"

#include <algorithm>
#include <cstring>

namespace omnisandbox::docker {
namespace {

/// Where `mark` begins in `text`, or where a part of it begins that the end of `text` cuts off.
std::size_t find_mark(std::string_view text, std::string_view mark) {
  // Whoever writes the text knows how the mark begins: this search is linear whatever it holds.
  const void* found = text.size() < mark.size()
                          ? nullptr
                          : ::memmem(text.data(), text.size(), mark.data(), mark.size());
  if (found != nullptr) {
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  }
  for (std::size_t size = std::min(text.size(), mark.size() - 1); size > 0; --size) {
    if (text.ends_with(mark.substr(0, size))) {
      return text.size() - size;
    }
  }
  return text.size();
}

}  // namespace

void MarkedStream::expect(const init::Token& token) {
  init::End end;
  end.token = token;
  mark_.assign(reinterpret_cast<const char*>(&end), sizeof end);
}

void MarkedStream::feed(std::string_view piece) {
  if (tail_) {
    return;
  }
  if (mark_.empty()) {
    take_(piece);
    return;
  }
  if (!has_mark_) {
    std::string joined;
    if (!held_.empty()) {
      joined = held_;
      joined += piece;
      piece = joined;
    }
    const std::size_t place = find_mark(piece, mark_);
    if (place > 0) {
      take_(piece.substr(0, place));
    }
    const std::string_view rest = piece.substr(place);
    has_mark_ = rest.size() >= mark_.size();
    held_ = std::string(rest);
  } else {
    held_ += piece;
  }
  if (has_mark_ && held_.size() >= tail_bytes_) {
    tail_ = held_.substr(0, tail_bytes_);
    held_.clear();
  }
}

void MarkedStream::finish() {
  // A mark without its tail is none of the command's output.
  if (!has_mark_ && !held_.empty()) {
    take_(held_);
  }
  held_.clear();
}

}  // namespace omnisandbox::docker
