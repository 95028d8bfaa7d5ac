// A request to the proxy, as bytes: what is granted goes to an allowed host, and the head that is
// sent there is read back as exactly that request.
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "egress/http_headers.h"
#include "egress/proxy/body_pump.h"
#include "egress/proxy/request_judge.h"
#include "egress/proxy/wire_text.h"
#include "omnisandbox/policy.h"

namespace {

namespace http = boost::beast::http;
using namespace omnisandbox::egress;
using Parser = BodyPump<true>::Parser;

void require(bool condition) {
  if (!condition) std::abort();
}

const omnisandbox::Policy& policy() {
  static const auto compiled = omnisandbox::Policy::compile(
      {.capabilities = {omnisandbox::Capability::net_http},
       .allowed_hosts = {"api.example.com", "http://paths.example.net/open/",
                         omnisandbox::HostRule{"read.example.com", {"GET"}}}});
  require(compiled.has_value());
  return *compiled;
}

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool read_head(Parser& parser, std::string_view bytes) {
  parser.header_limit(64 * 1024);
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  return !error && parser.is_header_done();
}

RequestHead head_of(const Parser& parser) {
  const auto& message = parser.get();
  return {.method = view_of(message.method_string()),
          .target = view_of(message.target()),
          .version = message.version(),
          .headers = headers_of(message)};
}

std::optional<std::uint64_t> length_of(const Parser& parser) {
  const auto length = parser.content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

void check_granted(const JudgedRequest& request, const Parser& parser) {
  const std::string& host = request.target.host;
  require(host == "api.example.com" || host == "read.example.com" || host == "paths.example.net");
  require(host != "read.example.com" || request.method == "GET");
  require(request.target.port == 80);
  const std::string text = request_head_text(request, length_of(parser), parser.chunked());
  require(text.find("\r\n\r\n") == text.size() - 4);
  Parser again;
  require(read_head(again, text));
  const RequestHead sent = head_of(again);
  require(sent.method == request.method && sent.target.starts_with('/') && sent.version == 11);
  require(host != "paths.example.net" || sent.target.starts_with("/open/"));
  require(has_plain_framing(sent.headers, sent.version));
  require(length_of(again) == length_of(parser) && again.chunked() == parser.chunked());
  int hosts = 0;
  for (const auto& header : sent.headers) {
    if (!same_name(header.name, "host")) continue;
    ++hosts;
    require(header.value == host);
  }
  require(hosts == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Parser parser;
  if (!read_head(parser, {reinterpret_cast<const char*>(data), size})) return 0;
  const RequestHead head = head_of(parser);
  if (head.method == "CONNECT") {
    const auto judged = judge_connect(policy().compiled(), head);
    require(!judged || (judged->target.host == "api.example.com" && judged->target.port == 443));
    return 0;
  }
  if (const auto judged = judge_request(policy().compiled(), head)) check_granted(*judged, parser);
  return 0;
}
