#include "mcp/http/answer.h"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

#include "mcp/json_rpc.h"

namespace omnisandbox::mcp {
namespace {

std::string head_text(unsigned status, const Headers& headers) {
  const auto phrase =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\n", status, std::string_view(phrase.data(), phrase.size()));
  for (const auto& [name, value] : headers) {
    text += fmt::format("{}: {}\r\n", name, value);
  }
  return text;
}

}  // namespace

HttpAnswer refusal_answer(const Refusal& refusal) {
  return {.status = refusal.status,
          .json = error_answer(nullptr, error_code::invalid_request, refusal.reason).text,
          .headers = refusal.headers};
}

std::string answer_text(const HttpAnswer& answer, AfterAnswer after) {
  std::string text = head_text(answer.status, answer.headers);
  if (!answer.json.empty()) {
    text += "Content-Type: application/json\r\n";
  }
  constexpr unsigned no_content = 204;
  if (answer.status != no_content) {
    text += fmt::format("Content-Length: {}\r\n", answer.json.size());
  }
  if (after == AfterAnswer::close) {
    text += "Connection: close\r\n";
  }
  return text + "\r\n" + answer.json;
}

std::string event_stream_head(const Headers& headers) {
  return head_text(200, headers) +
         "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string chunk(std::string_view data) {
  return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

}  // namespace omnisandbox::mcp
