#include "cli/base64.h"

#include <algorithm>
#include <cstdint>

namespace omnisandbox::cli {

std::string to_base64(std::string_view bytes) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t start = 0; start < bytes.size(); start += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - start);
    std::uint32_t group = 0;
    for (std::size_t index = 0; index < 3; ++index) {
      const auto byte = index < count ? static_cast<std::uint8_t>(bytes[start + index]) : 0U;
      group = group << 8 | byte;
    }
    for (std::size_t index = 0; index < 4; ++index) {
      text += index <= count ? alphabet[group >> (18 - 6 * index) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace omnisandbox::cli
