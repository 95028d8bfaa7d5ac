#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

namespace omnisandbox::base {
namespace {

__extension__ using Wide = unsigned __int128;

// Digits with at most one point, exactly: value = digits / 10^decimals. No sign, no exponent, no
// float rounding.
struct Decimal {
  std::uint64_t digits = 0;
  unsigned decimals = 0;
};

std::optional<Decimal> take_decimal(std::string_view& text) {
  constexpr unsigned max_decimals = 9;
  Decimal result;
  bool any_digit = false;
  bool point = false;
  std::size_t used = 0;
  for (const char character : text) {
    if (character == '.' && !point) {
      point = true;
    } else if (character >= '0' && character <= '9') {
      const auto digit = static_cast<std::uint64_t>(character - '0');
      if (result.digits > (std::numeric_limits<std::uint64_t>::max() - digit) / 10 ||
          (point && ++result.decimals > max_decimals)) {
        return std::nullopt;
      }
      result.digits = result.digits * 10 + digit;
      any_digit = true;
    } else {
      break;
    }
    ++used;
  }
  if (!any_digit || text[0] == '.' || text[used - 1] == '.') {
    return std::nullopt;
  }
  text.remove_prefix(used);
  return result;
}

// value × factor in whole units; `remainder` tells whether something was left over.
std::optional<std::uint64_t> scale(const Decimal& value, std::uint64_t factor, bool& remainder) {
  Wide divisor = 1;
  for (unsigned index = 0; index < value.decimals; ++index) {
    divisor *= 10;
  }
  const Wide product = static_cast<Wide>(value.digits) * factor;
  remainder = product % divisor != 0;
  const Wide whole = product / divisor;
  if (whole > std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(whole);
}

template <std::size_t count>
std::optional<std::uint64_t> take_unit(
    std::string_view& text,
    const std::array<std::pair<std::string_view, std::uint64_t>, count>& units) {
  std::size_t length = 0;
  while (length < text.size() && !(text[length] >= '0' && text[length] <= '9')) {
    ++length;
  }
  const std::string_view word = text.substr(0, length);
  for (const auto& [name, factor] : units) {
    if (word == name) {
      text.remove_prefix(length);
      return factor;
    }
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 11> size_units = {{
    {"", 1},
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {"KB", 1'000},
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
}};

// In nanoseconds.
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 7> duration_units = {{
    {"ns", 1},
    {"us", 1'000},
    {"µs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

std::string three_digits(double value) {
  if (value >= 99.95) {
    return fmt::format("{:.0f}", value);
  }
  return fmt::format("{:.{}f}", value, value >= 9.995 ? 1 : 2);
}

std::string without_trailing_zeros(std::string number) {
  if (number.find('.') != std::string::npos) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') {
      number.pop_back();
    }
  }
  return number;
}

}  // namespace

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  const auto number = take_decimal(text);
  if (!number) {
    return std::nullopt;
  }
  if (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
    if (text.empty()) {
      return std::nullopt;
    }
  }
  const auto factor = take_unit(text, size_units);
  if (!factor || !text.empty()) {
    return std::nullopt;
  }
  bool remainder = false;
  const auto bytes = scale(*number, *factor, remainder);
  return remainder ? std::nullopt : bytes;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t nanoseconds_in_millisecond = 1'000'000;
  if (text.empty()) {
    return std::nullopt;
  }
  std::uint64_t total = 0;
  std::uint64_t previous_factor = std::numeric_limits<std::uint64_t>::max();
  while (!text.empty()) {
    const auto number = take_decimal(text);
    if (!number) {
      return std::nullopt;
    }
    std::uint64_t factor = 1'000'000'000;
    const bool bare =
        text.empty() && total == 0 && previous_factor == std::numeric_limits<std::uint64_t>::max();
    if (!bare) {
      const auto unit = take_unit(text, duration_units);
      // Units in falling order, so that "1m30s" means one thing only.
      if (!unit || *unit >= previous_factor) {
        return std::nullopt;
      }
      factor = *unit;
    }
    previous_factor = factor;
    bool remainder = false;
    const auto part = scale(*number, factor, remainder);
    if (!part || remainder || *part > std::numeric_limits<std::uint64_t>::max() - total) {
      return std::nullopt;
    }
    total += *part;
  }
  if (total % nanoseconds_in_millisecond != 0) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(total / nanoseconds_in_millisecond));
}

std::string format_byte_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> names = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= 1024 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  return without_trailing_zeros(fmt::format("{:.1f}", value)) + " " + std::string(names[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const auto count = static_cast<double>(duration.count());
  if (count < 1e3) {
    return fmt::format("{} ns", duration.count());
  }
  if (count < 1e6) {
    return without_trailing_zeros(three_digits(count / 1e3)) + " µs";
  }
  if (count < 1e9) {
    return without_trailing_zeros(three_digits(count / 1e6)) + " ms";
  }
  return without_trailing_zeros(three_digits(count / 1e9)) + " s";
}

}  // namespace omnisandbox::base
