#include "egress/response_head.h"

#include <charconv>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// "HTTP/1.1 200 OK" or "HTTP/2 200"; 0 for anything else.
int status_of(std::string_view line) {
  const std::size_t space = line.find(' ');
  int status = 0;
  if (space != std::string_view::npos) {
    std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  }
  return status;
}

}  // namespace

Expected<void> ResponseHead::add_line(std::string_view line) {
  bytes_ += line.size();
  if (++lines_ > max_response_headers || bytes_ > max_response_header_bytes) {
    return base::make_error(ErrorKind::too_large,
                            "the response's headers are more than {} lines or {} bytes",
                            max_response_headers, max_response_header_bytes);
  }
  if (stage_ == Stage::complete) return {};
  if (stage_ == Stage::before_status) {
    head_ = HttpHead{status_of(line), {}};
    stage_ = Stage::headers;
    return {};
  }
  const std::string_view content = trimmed(line);
  if (content.empty()) {
    const bool is_informational = head_.status >= 100 && head_.status < 200 && head_.status != 101;
    stage_ = is_informational ? Stage::before_status : Stage::complete;
    return {};
  }
  // A line that begins with white space continues the one before (RFC 9112 section 5.2).
  const bool is_continuation = line.front() == ' ' || line.front() == '\t';
  if (is_continuation && !head_.headers.empty()) {
    head_.headers.back().value.append(" ").append(content);
    return {};
  }
  const std::size_t colon = content.find(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  head_.headers.push_back(HttpHeader{std::string(trimmed(content.substr(0, colon))),
                                     std::string(trimmed(content.substr(colon + 1)))});
  return {};
}

}  // namespace omnisandbox::egress
