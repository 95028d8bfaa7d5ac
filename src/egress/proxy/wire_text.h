#pragma once

#include <boost/beast/http/message.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "egress/proxy/request_judge.h"
#include "omnisandbox/host_functions.h"

namespace omnisandbox::egress {

/// The headers of a parsed message, in their order.
template <bool is_request, class Fields>
std::vector<HttpHeader> headers_of(const boost::beast::http::header<is_request, Fields>& header) {
  std::vector<HttpHeader> headers;
  for (const auto& field : header) {
    headers.push_back(
        HttpHeader{std::string(field.name_string().data(), field.name_string().size()),
                   std::string(field.value().data(), field.value().size())});
  }
  return headers;
}

/// One line each. The parser, or checked_headers, has seen to it that none holds a line end.
void append_headers(std::string& text, const std::vector<HttpHeader>& headers);

/// The head that goes to the server of a judged request: in origin form, with the framing of what
/// follows, and for one request only. `length`: of its body, where it was told in advance.
std::string request_head_text(const JudgedRequest& request, std::optional<std::uint64_t> length,
                              bool is_chunked);

/// `phrase` as it may stand in a status line: printable ASCII.
std::string printable_phrase(std::string_view phrase);

/// The proxy's own answer: a status line that says why, and the same with rule and remedy as text,
/// for people. `with_body` is false in answer to HEAD.
enum class AnswerBody : std::uint8_t { full, none };
std::string answer_text(const Refusal& refusal, AnswerBody body);

}  // namespace omnisandbox::egress
