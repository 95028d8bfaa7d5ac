// The head of a request to the MCP server by HTTP, as headers of text: whoever bears no token, asks
// for a host that is none of ours, or comes from a foreign page is refused, however it is written.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mcp/http/access.h"
#include "mcp/http/event_log.h"
#include "mcp/http/host_port.h"
#include "mcp/http/request_head.h"
#include "mcp/http/stateless.h"

namespace {

using namespace omnisandbox::mcp;

void require(bool condition) {
  if (!condition) std::abort();
}

const AccessRules& rules() {
  static const AccessRules listed{.token = "0123456789abcdef",
                                  .hosts = {"sandbox.example.com"},
                                  .origins = {"https://app.example.com"}};
  return listed;
}

/// "METHOD TARGET", then "name: value", one a line; the rest after an empty line.
RequestHead head_of(std::string_view& text) {
  const auto next_line = [&text] {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return line;
  };
  RequestHead head{.method = {}, .target = {}, .version = 11};
  const std::string_view first = next_line();
  const std::size_t space = first.find(' ');
  head.method = first.substr(0, space);
  head.target = space == std::string_view::npos ? std::string_view() : first.substr(space + 1);
  while (!text.empty()) {
    const std::string_view line = next_line();
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    head.headers.emplace_back(std::move(name), std::string(line.substr(colon + 2)));
  }
  return head;
}

void check_served(const RequestHead& head) {
  require(head.target == "/mcp");
  const auto host = parse_host_port(*head.find("host"));
  require(host && head.count("host") == 1);
  require(host->is_address || host->host == "localhost" || host->host == "sandbox.example.com");
  const std::string* origin = head.find("origin");
  require(origin == nullptr || same_text_in_any_case(*origin, "https://app.example.com") ||
          same_text_in_any_case(*origin, "http://" + *head.find("host")));
  if (is_preflight(head)) return;
  require(head.count("authorization") == 1);
  require(head.find("authorization")->ends_with("0123456789abcdef") ||
          trimmed(*head.find("authorization")).ends_with("0123456789abcdef"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const RequestHead head = head_of(text);
  if (!judge_access(rules(), head)) check_served(head);
  static_cast<void>(judge_body_terms(head, 1000));
  if (const std::string* accept = head.find("accept")) {
    static_cast<void>(names_media_type(*accept, "text/event-stream"));
  }
  if (const std::string* last = head.find("last-event-id")) {
    // What is read is what is written.
    if (const auto id = event_id_from_string(*last)) {
      require(event_id_from_string(to_string(*id)) == id);
    }
  }
  if (const auto message = parse_json(text)) {
    const bool stateless = is_stateless(head, *message);
    const auto mismatch = head_mismatch(head, *message);
    require(!mismatch || stateless_status(mismatch) == 400);
    static_cast<void>(stateless);
  }
  return 0;
}
