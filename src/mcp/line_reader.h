#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace omnisandbox::mcp {

/// Takes a stream of bytes apart into lines, in bounded memory. A line ends with "\n" or "\r\n";
/// empty ones are left out.
class LineReader {
 public:
  struct Events {
    std::function<void(std::string_view)> on_line;
    /// Instead of `on_line`, once for each line that is longer than the limit.
    std::function<void()> on_too_long;
  };
  LineReader(std::size_t max_line_bytes, Events events)
      : max_line_bytes_(max_line_bytes), events_(std::move(events)) {}

  void take(std::string_view bytes);
  /// The end of the stream: what stands after the last newline is a line too.
  void end();

 private:
  void append(std::string_view part);
  void finish_line();

  const std::size_t max_line_bytes_;
  const Events events_;
  std::string line_;
  bool too_long_ = false;
};

}  // namespace omnisandbox::mcp
