#include "policy/host/special_addresses.h"

#include <array>

#include "base/error.h"

namespace omnisandbox::policy {
namespace {

struct V4Range {
  std::uint32_t base;
  unsigned prefix_bits;
  std::string_view kind;
};

struct V6Range {
  std::uint64_t high;
  std::uint64_t low;
  unsigned prefix_bits;
  std::string_view kind;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771). A range
// within another stands first. Those that the registry calls globally reachable (AS112, AMT) stay
// public, but for the anycast addresses inside 192.0.0.0/24.
constexpr std::array v4_ranges = {
    V4Range{v4(0, 0, 0, 0), 8, "an address of \"this network\""},
    V4Range{v4(10, 0, 0, 0), 8, "a private address"},
    V4Range{v4(100, 100, 100, 200), 32, "a cloud metadata address"},
    V4Range{v4(100, 64, 0, 0), 10, "a carrier-NAT address"},
    V4Range{v4(127, 0, 0, 0), 8, "a loopback address"},
    // Public by its number, and answered by the host that Azure's machines run on.
    V4Range{v4(168, 63, 129, 16), 32, "a cloud metadata address"},
    V4Range{v4(169, 254, 169, 254), 32, "a cloud metadata address"},
    V4Range{v4(169, 254, 0, 0), 16, "a link-local address"},
    V4Range{v4(172, 16, 0, 0), 12, "a private address"},
    V4Range{v4(192, 0, 0, 192), 32, "a cloud metadata address"},
    V4Range{v4(192, 0, 0, 0), 24, "an address reserved for protocols"},
    V4Range{v4(192, 0, 2, 0), 24, "a documentation address"},
    V4Range{v4(192, 88, 99, 0), 24, "a 6to4 relay address"},
    V4Range{v4(192, 168, 0, 0), 16, "a private address"},
    V4Range{v4(198, 18, 0, 0), 15, "a benchmarking address"},
    V4Range{v4(198, 51, 100, 0), 24, "a documentation address"},
    V4Range{v4(203, 0, 113, 0), 24, "a documentation address"},
    V4Range{v4(224, 0, 0, 0), 4, "a multicast address"},
    V4Range{v4(255, 255, 255, 255), 32, "the broadcast address"},
    V4Range{v4(240, 0, 0, 0), 4, "a reserved address"},
};

// https://www.iana.org/assignments/iana-ipv6-special-registry, within and outside 2000::/3. 6to4
// and Teredo are here as a whole: both are retired, and what they reach depends on tunnels that
// nobody can judge. 64:ff9b::/96 is judged by the address inside.
constexpr std::array v6_ranges = {
    V6Range{0, 1, 128, "a loopback address"},
    V6Range{0, 0, 128, "the unspecified address"},
    V6Range{0, 0, 96, "an IPv4-compatible address"},
    V6Range{0x0064'ff9b'0001'0000, 0, 48, "a local NAT64 address"},
    V6Range{0x0100'0000'0000'0000, 0, 64, "a discard-only address"},
    V6Range{0x2001'0000'0000'0000, 0, 32, "a Teredo address"},
    V6Range{0x2001'0000'0000'0000, 0, 23, "an address reserved for protocols"},
    V6Range{0x2001'0db8'0000'0000, 0, 32, "a documentation address"},
    V6Range{0x2002'0000'0000'0000, 0, 16, "a 6to4 address"},
    V6Range{0x3fff'0000'0000'0000, 0, 20, "a documentation address"},
    V6Range{0x5f00'0000'0000'0000, 0, 16, "a segment-routing address"},
    V6Range{0xfd00'0ec2'0000'0000, 0x254, 128, "a cloud metadata address"},
    V6Range{0xfd20'00ce'0000'0000, 0x254, 128, "a cloud metadata address"},
    V6Range{0xfc00'0000'0000'0000, 0, 7, "a private address"},
    V6Range{0xfe80'0000'0000'0000, 0, 10, "a link-local address"},
    V6Range{0xfec0'0000'0000'0000, 0, 10, "a site-local address"},
    V6Range{0xff00'0000'0000'0000, 0, 8, "a multicast address"},
};

constexpr IpRange nat64_range = IpRange::of(IpAddress::from_v6(0x0064'ff9b'0000'0000, 0), 96);
constexpr IpRange global_unicast_range =
    IpRange::of(IpAddress::from_v6(0x2000'0000'0000'0000, 0), 3);

constexpr IpRange range_of(const V4Range& range) noexcept {
  return IpRange::of(IpAddress::from_v4(range.base), range.prefix_bits);
}

constexpr IpRange range_of(const V6Range& range) noexcept {
  return IpRange::of(IpAddress::from_v6(range.high, range.low), range.prefix_bits);
}

template <class Ranges>
std::string_view kind_in(const Ranges& ranges, const IpAddress& address) noexcept {
  for (const auto& range : ranges) {
    if (range_of(range).contains(address)) return range.kind;
  }
  return {};
}

template <class Ranges>
bool overlaps(const Ranges& ranges, const IpRange& range) noexcept {
  for (const auto& special : ranges) {
    if (range_of(special).contains(range) || range.contains(range_of(special))) return true;
  }
  return false;
}

// ISATAP (RFC 5214): the interface identifier 0:5efe:a.b.c.d, or 200:5efe:a.b.c.d.
bool is_isatap(const IpAddress& address) noexcept {
  return (address.low() >> 32 & 0xfdff'ffff) == 0x0000'5efe;
}

}  // namespace

std::optional<SpecialPurpose> special_purpose_of(const IpAddress& address) noexcept {
  if (address.is_v4()) {
    const std::string_view kind = kind_in(v4_ranges, address);
    return kind.empty() ? std::nullopt : std::optional(SpecialPurpose{kind, std::nullopt});
  }
  const bool is_nat64 = nat64_range.contains(address);
  if (const std::string_view kind = kind_in(v6_ranges, address); !kind.empty()) {
    return SpecialPurpose{kind, std::nullopt};
  }
  if (!is_nat64 && !global_unicast_range.contains(address)) {
    return SpecialPurpose{"a reserved address", std::nullopt};
  }
  if (is_nat64 || is_isatap(address)) {
    const IpAddress inside = IpAddress::from_v4(static_cast<std::uint32_t>(address.low()));
    if (const std::string_view kind = kind_in(v4_ranges, inside); !kind.empty()) {
      return SpecialPurpose{kind, inside};
    }
  }
  return std::nullopt;
}

std::string describe(const IpAddress& address) {
  const auto special = special_purpose_of(address);
  if (!special) return address.to_string();
  if (special->embeds) {
    return fmt::format("{}, which carries {}, {}", address.to_string(),
                       special->embeds->to_string(), special->kind);
  }
  return fmt::format("{}, {}", address.to_string(), special->kind);
}

bool holds_special_purpose(const IpRange& range) noexcept {
  if (range.base().is_v4()) return overlaps(v4_ranges, range);
  if (nat64_range.contains(range)) {
    const auto inside = IpAddress::from_v4(static_cast<std::uint32_t>(range.base().low()));
    return overlaps(v4_ranges, IpRange::of(inside, range.prefix_bits() - 96));
  }
  // What lies outside the global unicast space is special; so is a part of what is wider than it.
  return overlaps(v6_ranges, range) || !global_unicast_range.contains(range);
}

}  // namespace omnisandbox::policy
