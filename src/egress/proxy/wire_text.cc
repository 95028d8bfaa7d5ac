#include "egress/proxy/wire_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

// Programs print the status line, and often nothing else.
constexpr std::size_t max_phrase_bytes = 300;

std::string_view name_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 431:
      return "Request Header Fields Too Large";
    case 504:
      return "Gateway Timeout";
    default:
      return "Bad Gateway";
  }
}

}  // namespace

void append_headers(std::string& text, const std::vector<HttpHeader>& headers) {
  for (const HttpHeader& header : headers)
    text.append(header.name).append(": ").append(header.value).append("\r\n");
}

std::string request_head_text(const JudgedRequest& request, std::optional<std::uint64_t> length,
                              bool is_chunked) {
  // "http://authority/path"
  constexpr std::size_t scheme_bytes = std::string_view("http://").size();
  const std::string_view url = request.target.url;
  const std::size_t slash = url.find('/', scheme_bytes);
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method,
                                 url.substr(slash), url.substr(scheme_bytes, slash - scheme_bytes));
  append_headers(text, request.headers);
  if (length) {
    text += fmt::format("Content-Length: {}\r\n", *length);
  } else if (is_chunked) {
    text += "Transfer-Encoding: chunked\r\n";
  }
  return text + "Connection: close\r\n\r\n";
}

std::string printable_phrase(std::string_view phrase) {
  std::string result(phrase.substr(0, max_phrase_bytes));
  std::replace_if(
      result.begin(), result.end(),
      [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e;
      },
      '?');
  return result;
}

std::string answer_text(const Refusal& refusal, AnswerBody body) {
  std::string text;
  std::string phrase;
  if (refusal.denial) {
    const Denial& denial = *refusal.denial;
    phrase = "denied by policy: " + denial.reason;
    text = fmt::format("omnisandbox: the policy denies {}\nreason: {}\n",
                       base::printable(denial.resource), base::printable(denial.reason));
    text += fmt::format("rule: {}\n", denial.rule.empty() ? "none allows it" : denial.rule);
    if (!denial.remedy.empty()) text += fmt::format("to allow it: {}\n", denial.remedy);
  } else {
    phrase = refusal.reason;
    text = fmt::format("omnisandbox: {}\n", base::printable(refusal.reason));
  }
  return fmt::format(
      "HTTP/1.1 {} {} ({})\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
      "{}\r\nConnection: close\r\n\r\n{}",
      refusal.status, name_of(refusal.status), printable_phrase(phrase), text.size(),
      body == AnswerBody::full ? text : std::string());
}

}  // namespace omnisandbox::egress
