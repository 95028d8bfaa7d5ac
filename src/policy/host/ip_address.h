#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace omnisandbox::policy {

/// An IPv4 or IPv6 address without a zone. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is the IPv4
/// address: both reach the same socket, so they must compare equal.
class IpAddress {
 public:
  /// 0.0.0.0
  constexpr IpAddress() noexcept = default;
  static constexpr IpAddress from_v4(std::uint32_t bits) noexcept {
    return IpAddress(0, v4_mapped_prefix | bits);
  }
  /// 16 bytes in network order.
  static IpAddress from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept;
  static constexpr IpAddress from_v6(std::uint64_t high, std::uint64_t low) noexcept {
    return IpAddress(high, low);
  }
  /// Empty for families other than AF_INET and AF_INET6, and when `length` is too short for the
  /// family.
  static std::optional<IpAddress> from_sockaddr(const sockaddr* address,
                                                std::size_t length) noexcept;

  /// Four decimal numbers without leading zeros, or IPv6 as RFC 4291 section 2.2 writes it. No
  /// brackets, no zone, no spaces, none of the short forms of inet_aton(3).
  static std::optional<IpAddress> parse(std::string_view text) noexcept;

  constexpr bool is_v4() const noexcept {
    return high_ == 0 && (low_ & 0xffff'ffff'0000'0000) == v4_mapped_prefix;
  }
  /// Only meaningful when `is_v4`.
  constexpr std::uint32_t v4_bits() const noexcept { return static_cast<std::uint32_t>(low_); }
  /// The 128 bits; an IPv4 address in its mapped form.
  constexpr std::uint64_t high() const noexcept { return high_; }
  constexpr std::uint64_t low() const noexcept { return low_; }

  /// The one spelling: dotted decimal, or RFC 5952.
  std::string to_string() const;

  constexpr auto operator<=>(const IpAddress&) const noexcept = default;

 private:
  static constexpr std::uint64_t v4_mapped_prefix = 0x0000'ffff'0000'0000;
  constexpr IpAddress(std::uint64_t high, std::uint64_t low) noexcept : high_(high), low_(low) {}

  std::uint64_t high_ = 0;
  std::uint64_t low_ = v4_mapped_prefix;
};

/// A CIDR range. IPv4 and IPv6 never mix: "::/0" holds no IPv4 address, and "0.0.0.0/0" no IPv6
/// address.
class IpRange {
 public:
  /// The range that holds only `address`.
  constexpr explicit IpRange(const IpAddress& address) noexcept
      : base_(address), prefix_bits_(128) {}
  /// The range of `prefix_bits` leading bits, counted in the family of `base` (0–32 or 0–128). Bits
  /// of `base` beyond the prefix are cleared.
  static constexpr IpRange of(const IpAddress& base, unsigned prefix_bits) noexcept {
    const unsigned bits = prefix_bits + (base.is_v4() ? 96 : 0);
    return IpRange(IpAddress::from_v6(base.high() & high_mask(bits), base.low() & low_mask(bits)),
                   bits);
  }
  /// "10.0.0.0/8", "fc00::/7", or an address alone. Empty for anything else, also when bits are set
  /// beyond the prefix.
  static std::optional<IpRange> parse(std::string_view text) noexcept;

  constexpr const IpAddress& base() const noexcept { return base_; }
  /// In the family of the range: 8 for 10.0.0.0/8.
  constexpr unsigned prefix_bits() const noexcept {
    return base_.is_v4() ? prefix_bits_ - 96 : prefix_bits_;
  }
  constexpr bool contains(const IpAddress& address) const noexcept {
    return address.is_v4() == base_.is_v4() &&
           (address.high() & high_mask(prefix_bits_)) == base_.high() &&
           (address.low() & low_mask(prefix_bits_)) == base_.low();
  }
  constexpr bool contains(const IpRange& range) const noexcept {
    return range.prefix_bits_ >= prefix_bits_ && contains(range.base_);
  }
  constexpr bool is_single() const noexcept { return prefix_bits_ == 128; }
  /// "10.0.0.0/8"; an address alone without "/32" or "/128".
  std::string to_string() const;

  constexpr auto operator<=>(const IpRange&) const noexcept = default;

 private:
  static constexpr std::uint64_t mask_of(unsigned bits) noexcept {
    return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits);
  }
  static constexpr std::uint64_t high_mask(unsigned bits) noexcept {
    return mask_of(bits < 64 ? bits : 64);
  }
  static constexpr std::uint64_t low_mask(unsigned bits) noexcept {
    return mask_of(bits > 64 ? bits - 64 : 0);
  }
  constexpr IpRange(const IpAddress& base, unsigned prefix_bits_of_128) noexcept
      : base_(base), prefix_bits_(prefix_bits_of_128) {}

  IpAddress base_;
  unsigned prefix_bits_;  // of 128; for IPv4 never below 96
};

}  // namespace omnisandbox::policy
