#pragma once

#include <string_view>

#include "egress/http_client.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::egress {

/// Collects a response's header lines as they arrive and keeps those of the final response:
/// informational responses (1xx) before it and trailers after it count against the limits and are
/// dropped.
class ResponseHead {
 public:
  /// One line with its line end. `too_large` beyond max_response_headers and
  /// max_response_header_bytes.
  Expected<void> add_line(std::string_view line);

  const HttpHead& head() const noexcept { return head_; }
  HttpHead take() && { return std::move(head_); }

 private:
  enum class Stage { before_status, headers, complete };
  Stage stage_ = Stage::before_status;
  HttpHead head_;
  std::size_t lines_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace omnisandbox::egress
