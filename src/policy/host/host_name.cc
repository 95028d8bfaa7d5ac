#include "policy/host/host_name.h"

#include <fmt/format.h>
#include <idn2.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "base/error.h"

namespace omnisandbox::policy {
namespace {

using Reason = tl::unexpected<std::string>;

// Far more than a name of 253 bytes can need before IDNA maps it.
constexpr std::size_t max_host_input_bytes = 1024;

Reason reason(std::string text) { return tl::unexpected(std::move(text)); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view last_label(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// WHATWG "ends in a number": what some resolver would read as an IPv4 address.
bool ends_in_number(std::string_view name) {
  const std::string_view last = last_label(name);
  if (!last.empty() && std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.starts_with("0x") && std::all_of(last.begin() + 2, last.end(), is_hex_digit);
}

// One part of an IPv4 spelling: decimal, octal after "0", hexadecimal after "0x". Lower case.
std::optional<std::uint64_t> parse_v4_number(std::string_view part) {
  std::uint64_t radix = 10;
  if (part.starts_with("0x")) {
    radix = 16;
    part.remove_prefix(2);
    if (part.empty()) return 0;
  } else if (part.size() > 1 && part.front() == '0') {
    radix = 8;
  }
  if (part.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : part) {
    if (!is_hex_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10);
    if (digit >= radix) return std::nullopt;
    value = value * radix + digit;
    if (value > UINT32_MAX) return std::nullopt;
  }
  return value;
}

// The last part fills all the bytes that the others leave (inet_aton(3)).
std::optional<IpAddress> parse_v4_spelling(std::string_view text) {
  std::uint64_t bits = 0;
  for (unsigned remaining_bytes = 4; remaining_bytes > 0; --remaining_bytes) {
    const std::size_t dot = text.find('.');
    const auto value = parse_v4_number(text.substr(0, dot));
    if (!value) return std::nullopt;
    if (dot == std::string_view::npos) {
      if (*value >> (8 * remaining_bytes) != 0) return std::nullopt;
      return IpAddress::from_v4(static_cast<std::uint32_t>(bits << (8 * remaining_bytes) | *value));
    }
    if (*value > 0xff) return std::nullopt;
    bits = bits << 8 | *value;
    text.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

// Refuses what the DNS or a certificate could not hold, and every character with a meaning
// elsewhere in a URL.
tl::expected<void, std::string> check_labels(std::string_view name) {
  if (name.size() > max_host_name_bytes) {
    return reason(fmt::format("its host name is {} bytes long; the DNS carries at most {}",
                              name.size(), max_host_name_bytes));
  }
  while (true) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty()) return reason("its host name has an empty label");
    if (label.size() > max_label_bytes) {
      return reason(fmt::format("its host name has a label of {} bytes; at most {} are possible",
                                label.size(), max_label_bytes));
    }
    if (label.front() == '-' || label.back() == '-')
      return reason("a label of its host name begins or ends with \"-\"");
    for (const char c : label) {
      const bool is_name_character = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
      if (!is_name_character) {
        return reason(fmt::format("its host name has the character \"{}\"",
                                  base::printable(std::string_view(&c, 1))));
      }
    }
    if (dot == std::string_view::npos) return {};
    name.remove_prefix(dot + 1);
  }
}

bool has_a_label(std::string_view lower_name) {
  return lower_name.starts_with("xn--") || lower_name.find(".xn--") != std::string_view::npos;
}

tl::expected<std::string, std::string> look_up(const std::string& name, int flags) {
  std::uint8_t* output = nullptr;
  const int status =
      idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(name.c_str()), &output, flags);
  const std::unique_ptr<std::uint8_t, decltype(&idn2_free)> owner(output, idn2_free);
  if (status != IDN2_OK) {
    return reason(fmt::format("its host is not a valid international name: {}",
                              base::printable(idn2_strerror(status))));
  }
  return std::string(reinterpret_cast<const char*>(output));
}

tl::expected<std::string, std::string> to_a_labels(const std::string& name) {
  if (std::all_of(name.begin(), name.end(), is_ascii) && !has_a_label(name)) return name;
  constexpr int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
  auto strict = look_up(name, flags | IDN2_USE_STD3_ASCII_RULES);
  // libidn2 drops the characters that STD3 forbids ("a/b" from a fullwidth slash becomes "ab").
  // Such a name is refused, as the rules want it; it shows by the answer without STD3 being another
  // one.
  if (strict && look_up(name, flags) != strict) {
    return reason("its host has a character that no host name may have");
  }
  return strict;
}

tl::expected<CanonicalHost, std::string> canonicalise_v6(std::string_view host) {
  if (host.size() < 2 || host.back() != ']')
    return reason("its IPv6 address has no closing bracket");
  const std::string_view inside = host.substr(1, host.size() - 2);
  if (inside.find('%') != std::string_view::npos) {
    return reason(
        "its IPv6 address names a zone; a zone is a matter of this machine and cannot be allowed");
  }
  const auto address =
      inside.find(':') == std::string_view::npos ? std::nullopt : IpAddress::parse(inside);
  if (!address) return reason("there is no IPv6 address between its brackets");
  return CanonicalHost{address->to_string(), address};
}

}  // namespace

tl::expected<CanonicalHost, std::string> canonicalise_host(std::string_view host) {
  if (host.empty()) return reason("it has no host");
  if (host.size() > max_host_input_bytes) return reason("its host is too long");
  if (host.find('\0') != std::string_view::npos) return reason("its host has a NUL byte");
  if (host.front() == '[') return canonicalise_v6(host);
  if (host.find('%') != std::string_view::npos) {
    return reason("its host is percent-encoded; write the name itself");
  }
  std::string name = lower_ascii(host);
  // The dot of the DNS root: the same name, whether it is written or not.
  if (name.back() == '.') name.pop_back();
  auto mapped = to_a_labels(name);
  if (!mapped) return reason(std::move(mapped).error());
  name = *std::move(mapped);
  // IDNA maps other full stops to "."; at most one may have stood at the end.
  const bool ends_in_dot = !name.empty() && name.back() == '.' && host.back() != '.';
  if (ends_in_dot) name.pop_back();
  if (ends_in_number(name)) {
    const auto address = parse_v4_spelling(name);
    if (!address) return reason("its host ends in a number and is not an IPv4 address");
    return CanonicalHost{address->to_string(), address};
  }
  if (auto checked = check_labels(name); !checked) return reason(std::move(checked).error());
  return CanonicalHost{std::move(name), std::nullopt};
}

}  // namespace omnisandbox::policy
