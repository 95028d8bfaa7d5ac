#include "cli/mcp_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "cli/terminal.h"
#include "mcp/http/host_port.h"
#include "mcp/http/sessions.h"
#include "runner/input_file.h"

namespace omnisandbox::cli {
namespace {

constexpr const char* token_variable = "OMNISANDBOX_MCP_TOKEN";

struct Token {
  std::optional<std::string> text{};
  bool is_made_up = false;
};

Expected<std::string> checked_token(std::string text, std::string_view where) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.back())) {
    text.pop_back();
  }
  const bool is_visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!is_visible || text.size() < mcp::min_token_bytes || text.size() > mcp::max_token_bytes) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the token of {} must be {} to {} visible ASCII characters; make one "
                            "with: openssl rand -hex 32",
                            where, mcp::min_token_bytes, mcp::max_token_bytes);
  }
  return text;
}

Expected<Token> token_of(const Options& options, bool is_loopback) {
  if (options.no_token) {
    return Token{};
  }
  if (options.token_file) {
    // One more than is taken, for the end of its line.
    std::string text =
        TRY(runner::read_regular_file(*options.token_file, "the token", mcp::max_token_bytes + 2));
    return Token{.text = TRY(checked_token(std::move(text), base::printable(*options.token_file)))};
  }
  if (const char* variable = std::getenv(token_variable)) {
    return Token{.text = TRY(checked_token(variable, token_variable))};
  }
  if (!is_loopback) {
    return base::make_error(ErrorKind::invalid_argument,
                            "an address that other machines can reach needs a token that you give: "
                            "--token-file, or the variable {}",
                            token_variable);
  }
  return Token{.text = TRY(mcp::random_secret()), .is_made_up = true};
}

}  // namespace

std::string problem_with_http_options(const Options& options) {
  if (options.http_address) {
    return options.no_token && options.token_file
               ? "--no-token and --token-file contradict each other"
               : "";
  }
  const bool has_more = options.token_file || options.no_token ||
                        !options.allowed_http_hosts.empty() || !options.allowed_origins.empty();
  return has_more ? "--token-file, --no-token, --allow-host and --allow-origin belong to --http"
                  : "";
}

Expected<std::unique_ptr<mcp::HttpServer>> listen_by_http(mcp::Server& server,
                                                          const Options& options) {
  const auto place = mcp::parse_host_port(*options.http_address);
  if (!place || !place->port || !(place->is_address || place->is_loopback)) {
    return base::make_error(ErrorKind::invalid_argument,
                            "--http takes an IP address and a port, as 127.0.0.1:8080 or "
                            "[::1]:8080, and not \"{}\"",
                            base::printable(*options.http_address));
  }
  const Token token = TRY(token_of(options, place->is_loopback));
  const std::string address = place->is_address ? place->host : "127.0.0.1";
  auto http =
      TRY(mcp::HttpServer::create(server, {.address = address,
                                           .port = *place->port,
                                           .access = {.token = token.text,
                                                      .hosts = options.allowed_http_hosts,
                                                      .origins = options.allowed_origins}}));
  const bool is_v6 = address.find(':') != std::string::npos;
  print_problem(fmt::format("serving at http://{}{}{}:{}{}", is_v6 ? "[" : "", address,
                            is_v6 ? "]" : "", http->port(), mcp::endpoint_path));
  if (token.is_made_up) {
    print_problem("requests must bear the token " + *token.text);
  }
  if (!place->is_loopback) {
    print_problem(
        "what is sent is not encrypted, and neither is the token; put a proxy that speaks TLS "
        "before it");
  }
  return http;
}

}  // namespace omnisandbox::cli
