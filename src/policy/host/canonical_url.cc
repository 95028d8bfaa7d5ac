#include "policy/host/canonical_url.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "policy/host/host_name.h"
#include "policy/host/url_path.h"

namespace omnisandbox::policy {
namespace {

// Why a URL has no target: because it is no proper URL, or because no rule could ever open it.
struct Refusal {
  ErrorKind kind = ErrorKind::invalid_argument;
  std::string reason;  // the end of a sentence
};

template <class T>
using Judged = tl::expected<T, Refusal>;

tl::unexpected<Refusal> invalid(std::string reason) {
  return tl::unexpected(Refusal{ErrorKind::invalid_argument, std::move(reason)});
}

tl::unexpected<Refusal> never_allowed(std::string reason) {
  return tl::unexpected(Refusal{ErrorKind::denied, std::move(reason)});
}

Error error_of(Refusal refusal, std::string_view url) {
  if (refusal.kind == ErrorKind::denied) {
    return Error::from_denial(Denial{.capability = Capability::net_http,
                                     .resource = std::string(url),
                                     .rule = {},
                                     .reason = std::move(refusal.reason),
                                     .remedy = {}});
  }
  Error error = base::make_error(refusal.kind, "the URL \"{}\" cannot be used: {}",
                                 base::printable(url, 200), refusal.reason);
  error.resource = std::string(url);
  return error;
}

// What other parsers strip, fold or stop at must never reach them.
Judged<void> check_characters(std::string_view url) {
  if (url.empty()) return invalid("it is empty");
  if (url.size() > max_url_bytes) {
    return invalid(
        fmt::format("it is {} bytes long; at most {} are read", url.size(), max_url_bytes));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(url.begin(), url.end(), is_control)) {
    return invalid("it has a control character (such as a tab, a newline or NUL)");
  }
  if (url.find('\\') != std::string_view::npos)
    return invalid("it has a backslash; write \"/\", or %5C");
  if (url.front() == ' ' || url.back() == ' ') return invalid("it begins or ends with a space");
  if (!base::is_utf8(url)) return invalid("it is not UTF-8");
  return {};
}

bool is_scheme(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !is_letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

// Takes "https://" off the front.
Judged<std::string> take_scheme(std::string_view& rest) {
  const std::size_t colon = rest.find(':');
  const std::string_view written = rest.substr(0, colon);
  if (colon == std::string_view::npos || !is_scheme(written))
    return invalid("it does not begin with https:// or http://");
  std::string scheme = lower_case(written);
  const std::string_view after = rest.substr(colon + 1);
  if (scheme != "http" && scheme != "https") {
    // "example.com:443/x" and "localhost:8080" lack a scheme; "file:…" and "gopher:…" have another
    // one.
    const bool is_host_and_port = !after.empty() && after.front() >= '0' && after.front() <= '9';
    if (is_host_and_port) return invalid("it does not begin with https:// or http://");
    return never_allowed(
        fmt::format("only https and http can be fetched, not {}", base::printable(scheme, 40)));
  }
  if (!after.starts_with("//"))
    return invalid(fmt::format("\"//\" does not follow \"{}:\"", scheme));
  rest = after.substr(2);
  return scheme;
}

Judged<std::uint16_t> parse_port(std::string_view digits, std::string_view scheme) {
  if (digits.empty()) return default_port(scheme);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_number =
      error == std::errc{} && end == digits.data() + digits.size() && digits.size() <= 5;
  if (!is_number || port == 0 || port > 65535) {
    return invalid(fmt::format("its port \"{}\" is not a number from 1 to 65535",
                               base::printable(digits, 20)));
  }
  return static_cast<std::uint16_t>(port);
}

Judged<void> read_authority(std::string_view authority, CanonicalTarget& target) {
  if (authority.find('@') != std::string_view::npos) {
    return never_allowed(
        "the URL carries user info (what stands before \"@\"), which hides the real host; send an "
        "Authorization header "
        "instead");
  }
  std::size_t host_end = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos)
      return invalid("its IPv6 address has no closing bracket");
    host_end = bracket + 1 == authority.size() ? std::string_view::npos : bracket + 1;
    if (host_end != std::string_view::npos && authority[host_end] != ':') {
      return invalid("something other than a port follows its IPv6 address");
    }
  }
  auto host = canonicalise_host(authority.substr(0, host_end));
  if (!host) return invalid(std::move(host).error());
  auto port = parse_port(
      host_end == std::string_view::npos ? std::string_view() : authority.substr(host_end + 1),
      target.scheme);
  if (!port) return tl::unexpected(std::move(port).error());
  target.host = std::move(host->text);
  target.host_is_address = host->address.has_value();
  target.port = *port;
  return {};
}

Judged<CanonicalTarget> read_url(std::string_view url) {
  if (auto checked = check_characters(url); !checked)
    return tl::unexpected(std::move(checked).error());
  std::string_view rest = url;
  CanonicalTarget target;
  auto scheme = take_scheme(rest);
  if (!scheme) return tl::unexpected(std::move(scheme).error());
  target.scheme = *std::move(scheme);

  const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  auto authority = read_authority(rest.substr(0, authority_end), target);
  if (!authority) return tl::unexpected(std::move(authority).error());
  rest.remove_prefix(authority_end);

  rest = rest.substr(0, rest.find('#'));
  const std::size_t question_mark = rest.find('?');
  auto path = normalise_path(rest.substr(0, question_mark));
  if (!path) return invalid(std::move(path).error());
  target.path = *std::move(path);
  target.url = origin_of(target) + target.path;
  if (question_mark != std::string_view::npos) {
    auto query = normalise_query(rest.substr(question_mark + 1));
    if (!query) return invalid(std::move(query).error());
    target.url += '?';
    target.url += *query;
  }
  if (target.url.size() > max_url_bytes)
    return invalid(fmt::format("percent-encoded, it is longer than {} bytes", max_url_bytes));
  return target;
}

}  // namespace

Expected<CanonicalTarget> canonicalise_url(std::string_view url) {
  auto target = read_url(url);
  if (!target) return error_of(std::move(target).error(), url);
  return *std::move(target);
}

Expected<CanonicalTarget> canonicalise_reference(const CanonicalTarget& base,
                                                 std::string_view reference) {
  const std::size_t colon = reference.find_first_of(":/?#");
  const bool is_absolute = colon != std::string_view::npos && reference[colon] == ':' &&
                           is_scheme(reference.substr(0, colon));
  if (is_absolute) return canonicalise_url(reference);
  std::string url;
  if (reference.starts_with("//")) {
    url = base.scheme + ':';
  } else if (reference.starts_with('/')) {
    url = origin_of(base);
  } else if (reference.starts_with('?')) {
    url = origin_of(base) + base.path;
  } else if (reference.empty() || reference.starts_with('#')) {
    url = base.url;
  } else {
    url = origin_of(base) + base.path.substr(0, base.path.rfind('/') + 1);
  }
  return canonicalise_url(url.append(reference));
}

std::uint16_t default_port(std::string_view scheme) noexcept {
  return scheme == "https" ? 443 : 80;
}

std::string host_in_url(const CanonicalTarget& target) {
  const bool is_v6 = target.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]", target.host) : target.host;
}

std::string origin_of(const CanonicalTarget& target) {
  std::string origin = fmt::format("{}://{}", target.scheme, host_in_url(target));
  if (target.port != default_port(target.scheme)) origin += fmt::format(":{}", target.port);
  return origin;
}

}  // namespace omnisandbox::policy
