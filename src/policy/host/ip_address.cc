#include "policy/host/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

#include "base/error.h"

namespace omnisandbox::policy {
namespace {

constexpr std::size_t v6_groups = 8;

std::optional<std::uint32_t> parse_v4(std::string_view text) noexcept {
  std::uint32_t bits = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const std::string_view digits = text.substr(0, dot);
    // A leading zero is octal for inet_aton(3) and decimal for others, so it has no meaning here.
    if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0'))
      return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value > 255)
      return std::nullopt;
    bits = bits << 8 | value;
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return text.empty() ? std::optional(bits) : std::nullopt;
}

std::optional<std::uint16_t> parse_group(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

struct Groups {
  std::array<std::uint16_t, v6_groups> values{};
  std::size_t count = 0;
};

// Groups separated by single colons, without "::". A dotted IPv4 address may stand last, as two
// groups.
bool parse_groups(std::string_view text, Groups& groups) noexcept {
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(part);
      if (!v4 || groups.count + 2 > v6_groups) return false;
      groups.values[groups.count++] = static_cast<std::uint16_t>(*v4 >> 16);
      groups.values[groups.count++] = static_cast<std::uint16_t>(*v4);
      return true;
    }
    const auto value = parse_group(part);
    if (!value || groups.count == v6_groups) return false;
    groups.values[groups.count++] = *value;
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::array<std::uint16_t, v6_groups>> parse_v6(std::string_view text) noexcept {
  Groups front;
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, front) || front.count != v6_groups) return std::nullopt;
    return front.values;
  }
  Groups back;
  const std::string_view before = text.substr(0, gap);
  const std::string_view after = text.substr(gap + 2);
  // An IPv4 part may only stand at the very end of the address.
  if (before.find('.') != std::string_view::npos) return std::nullopt;
  if (!before.empty() && !parse_groups(before, front)) return std::nullopt;
  if (!after.empty() && !parse_groups(after, back)) return std::nullopt;
  if (front.count + back.count >= v6_groups) return std::nullopt;
  for (std::size_t i = 0; i < back.count; ++i) {
    front.values[v6_groups - back.count + i] = back.values[i];
  }
  return front.values;
}

// The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2).
std::pair<std::size_t, std::size_t> longest_zero_run(
    const std::array<std::uint16_t, v6_groups>& groups) noexcept {
  std::size_t best_start = v6_groups;
  std::size_t best_length = 1;
  for (std::size_t i = 0; i < v6_groups;) {
    std::size_t end = i;
    while (end < v6_groups && groups[end] == 0) ++end;
    if (end - i > best_length) {
      best_start = i;
      best_length = end - i;
    }
    i = end + 1;
  }
  return {best_start, best_length};
}

}  // namespace

IpAddress IpAddress::from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = high << 8 | bytes[i];
    low = low << 8 | bytes[i + 8];
  }
  return IpAddress(high, low);
}

std::optional<IpAddress> IpAddress::from_sockaddr(const sockaddr* address,
                                                  std::size_t length) noexcept {
  if (address == nullptr || length < sizeof(sa_family_t)) return std::nullopt;
  sa_family_t family = 0;
  std::memcpy(&family, &address->sa_family, sizeof family);
  if (family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return from_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), v6.sin6_addr.s6_addr, bytes.size());
    return from_v6(bytes);
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
  if (text.find(':') == std::string_view::npos) {
    const auto bits = parse_v4(text);
    return bits ? std::optional(from_v4(*bits)) : std::nullopt;
  }
  const auto groups = parse_v6(text);
  if (!groups) return std::nullopt;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    high = high << 16 | (*groups)[i];
    low = low << 16 | (*groups)[i + 4];
  }
  return IpAddress(high, low);
}

std::string IpAddress::to_string() const {
  if (is_v4()) {
    const std::uint32_t bits = v4_bits();
    return fmt::format("{}.{}.{}.{}", bits >> 24, bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
  }
  std::array<std::uint16_t, v6_groups> groups{};
  for (std::size_t i = 0; i < 4; ++i) {
    groups[i] = static_cast<std::uint16_t>(high_ >> (48 - 16 * i));
    groups[i + 4] = static_cast<std::uint16_t>(low_ >> (48 - 16 * i));
  }
  const auto [zero_start, zero_length] = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < v6_groups;) {
    if (i == zero_start) {
      text += "::";
      i += zero_length;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += fmt::format("{:x}", groups[i]);
    ++i;
  }
  return text;
}

std::optional<IpRange> IpRange::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpRange(*address);
  const std::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0'))
    return std::nullopt;
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  // "::ffff:10.0.0.0/104" is 10.0.0.0/8; a shorter prefix of the mapped form would span both
  // families.
  if (address->is_v4() && text.find(':') < slash) {
    if (bits < 96) return std::nullopt;
    bits -= 96;
  }
  if (bits > (address->is_v4() ? 32U : 128U)) return std::nullopt;
  const IpRange range = of(*address, bits);
  return range.base_ == *address ? std::optional(range) : std::nullopt;
}

std::string IpRange::to_string() const {
  return is_single() ? base_.to_string() : fmt::format("{}/{}", base_.to_string(), prefix_bits());
}

}  // namespace omnisandbox::policy
