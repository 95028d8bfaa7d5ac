#include "base/utf8.h"

#include <array>

namespace omnisandbox::base {

std::optional<DecodedCharacter> decode_utf8(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    return DecodedCharacter{first, 1};
  }
  struct Form {
    unsigned char mask, lead;
    std::size_t length;
    std::uint32_t smallest;
  };
  constexpr std::array<Form, 3> forms = {
      {{0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}}};
  for (const Form& form : forms) {
    if ((first & form.mask) != form.lead) {
      continue;
    }
    if (text.size() < form.length) {
      return std::nullopt;
    }
    std::uint32_t code_point = first & static_cast<unsigned char>(~form.mask);
    for (std::size_t index = 1; index < form.length; ++index) {
      const auto byte = static_cast<unsigned char>(text[index]);
      if ((byte & 0xC0) != 0x80) {
        return std::nullopt;
      }
      code_point = code_point << 6 | (byte & 0x3Fu);
    }
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (code_point < form.smallest || code_point > 0x10FFFF || surrogate) {
      return std::nullopt;
    }
    return DecodedCharacter{code_point, form.length};
  }
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = decode_utf8(text);
    if (!character) {
      return false;
    }
    text.remove_prefix(character->length_bytes);
  }
  return true;
}

}  // namespace omnisandbox::base
