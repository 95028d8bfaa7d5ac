#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace omnisandbox::base {

struct DecodedCharacter {
  std::uint32_t code_point = 0;
  std::size_t length_bytes = 0;
};

/// The first character of `text` by RFC 3629 (no overlong forms, no surrogates, at most U+10FFFF);
/// empty when the bytes are not UTF-8 or `text` is empty.
std::optional<DecodedCharacter> decode_utf8(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace omnisandbox::base
