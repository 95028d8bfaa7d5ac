#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "wasm/abi/call_arguments.h"
#include "wasm/abi/error_codes.h"
#include "wasm/abi/functions.h"
#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Lines of "Name: value". What a name and a value may hold is judged by http_fetch itself.
Expected<std::vector<HttpHeader>> parse_headers(std::string_view text) {
  std::vector<HttpHeader> headers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "http_fetch: the header line \"{}\" has no colon; lines are \"Name: value\"",
          base::printable(line, 128));
    }
    if (headers.size() == max_header_count) {
      return base::make_error(ErrorKind::too_large, "http_fetch: more than {} headers",
                              max_header_count);
    }
    headers.push_back({.name = std::string(line.substr(0, colon)),
                       .value = std::string(trimmed(line.substr(colon + 1)))});
  }
  return headers;
}

std::string text_of(const std::vector<HttpHeader>& headers) {
  std::string text;
  for (const HttpHeader& header : headers) {
    text += header.name;
    text += ": ";
    text += header.value;
    text += '\n';
  }
  return text;
}

struct FetchArguments {
  std::string_view method;
  std::string_view url;
  std::string_view headers;
  std::string_view body;
};

Expected<StoredResult> fetch(GuestCall& call, const FetchArguments& arguments) {
  HttpRequest request;
  request.url = arguments.url;
  if (!arguments.method.empty()) {
    request.method = arguments.method;
  }
  request.headers = TRY(parse_headers(arguments.headers));
  request.body = arguments.body;
  TRY(handles_of(call.run).check_room(call.run.context.limits().max_response_bytes +
                                      response_headers_bytes));
  auto response = TRY(call.run.host_functions.http_fetch(request));
  StoredResult result;
  result.status = response.status;
  result.parts.push_back(whole(std::move(response.body)));
  result.parts.push_back(whole(text_of(response.headers)));
  result.parts.push_back(whole(std::move(response.final_url)));
  return result;
}

Expected<void> check_lengths(GuestRange method, GuestRange url, GuestRange headers,
                             GuestRange body) {
  TRY(check_length("method", method, max_name_bytes));
  TRY(check_length("URL", url, max_name_bytes));
  TRY(check_length("headers", headers, max_headers_bytes));
  return check_length("body", body, max_body_bytes);
}

}  // namespace

std::int32_t http_fetch(GuestCall& call, std::uint32_t method, std::uint32_t method_len,
                        std::uint32_t url, std::uint32_t url_len, std::uint32_t headers,
                        std::uint32_t headers_len, std::uint32_t body, std::uint32_t body_len) {
  const auto method_text = text_at(call, "http_fetch", {method, method_len});
  const auto url_text = text_at(call, "http_fetch", {url, url_len});
  const auto headers_text = text_at(call, "http_fetch", {headers, headers_len});
  const auto body_text = text_at(call, "http_fetch", {body, body_len});
  if (!method_text || !url_text || !headers_text || !body_text) {
    return 0;
  }
  if (const auto fits = check_lengths({method, method_len}, {url, url_len}, {headers, headers_len},
                                      {body, body_len});
      !fits) {
    return fail(call, fits.error());
  }
  auto result = fetch(call, {*method_text, *url_text, *headers_text, *body_text});
  return result ? keep(call, std::move(*result)) : fail(call, result.error());
}

}  // namespace omnisandbox::wasm::abi
