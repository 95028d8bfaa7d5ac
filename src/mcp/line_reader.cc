#include "mcp/line_reader.h"

namespace omnisandbox::mcp {

void LineReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    append(bytes.substr(0, newline));
    if (newline == std::string_view::npos) {
      return;
    }
    finish_line();
    bytes.remove_prefix(newline + 1);
  }
}

void LineReader::end() { finish_line(); }

void LineReader::append(std::string_view part) {
  if (too_long_ || part.size() > max_line_bytes_ - line_.size()) {
    too_long_ = true;
    // What a huge message has taken is given back before it has even ended.
    line_ = {};
    return;
  }
  line_ += part;
}

void LineReader::finish_line() {
  if (too_long_) {
    too_long_ = false;
    events_.on_too_long();
    return;
  }
  if (line_.ends_with('\r')) {
    line_.pop_back();
  }
  if (!line_.empty()) {
    events_.on_line(line_);
    line_.clear();
  }
}

}  // namespace omnisandbox::mcp
