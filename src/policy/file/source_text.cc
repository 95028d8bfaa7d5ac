#include "policy/file/source_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/units.h"
#include "base/utf8.h"
#include "policy/file/yaml_tree.h"

namespace omnisandbox::policy {
namespace {

// A reviewer must see what is loaded: such characters hide text, reorder it, or end a line in one
// program and not in another.
bool is_deceptive(std::uint32_t code_point) {
  return (code_point < 0x20 && code_point != '\t' && code_point != '\n' &&
          code_point != '\r') ||                        // C0
         (code_point >= 0x7F && code_point <= 0x9F) ||  // DEL, C1
         code_point == 0xAD ||
         code_point == 0x061C ||
         code_point == 0x180E ||  // soft hyphen, Arabic letter mark, vowel separator
         (code_point >= 0x200B && code_point <= 0x200F) ||  // zero width, direction marks
         (code_point >= 0x2028 && code_point <= 0x202E) ||  // separators, overrides
         (code_point >= 0x2060 && code_point <= 0x206F) ||  // invisible operators, isolates
         code_point == 0xFEFF || (code_point >= 0xFFF9 && code_point <= 0xFFFB) ||
         (code_point & 0xFFFE) == 0xFFFE ||                 // noncharacters
         (code_point >= 0xE0000 && code_point <= 0xE0FFF);  // tags, variation selectors
}

}  // namespace

SourceText::SourceText(std::string_view text, std::string_view file_name)
    : text_(text), file_name_(file_name), line_starts_{0} {
  for (std::size_t offset = text.find('\n'); offset != std::string_view::npos;
       offset = text.find('\n', offset + 1)) {
    line_starts_.push_back(offset + 1);
  }
}

std::size_t SourceText::line_start(std::size_t offset) const {
  return *std::prev(std::upper_bound(line_starts_.begin(), line_starts_.end(), offset));
}

FilePosition SourceText::position(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next_line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  FilePosition position{.line = static_cast<std::size_t>(next_line - line_starts_.begin()),
                        .column = 1};
  std::size_t index = *std::prev(next_line);
  if (position.line == known_position_.line && known_offset_ <= offset) {
    position = known_position_;
    index = known_offset_;
  }
  for (; index < offset; ++index) {
    const bool continues_character = (static_cast<unsigned char>(text_[index]) & 0xC0) == 0x80;
    position.column += continues_character ? 0 : 1;
  }
  known_offset_ = offset;
  known_position_ = position;
  return position;
}

Error SourceText::error(FilePosition position, std::string_view message) const {
  return error_at(file_name_, position, message);
}

Expected<void> SourceText::check_characters() const {
  if (text_.size() > max_policy_file_bytes) {
    return error({}, fmt::format("the file is larger than {}",
                                 base::format_byte_size(max_policy_file_bytes)));
  }
  if (text_.starts_with("\xEF\xBB\xBF")) {
    return error({}, "the file begins with a byte-order mark; save it as UTF-8 without one");
  }
  if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) {
    return error({}, "the file is UTF-16; save it as UTF-8");
  }
  bool only_blank_or_comment_before = true;
  for (std::size_t offset = 0; offset < text_.size();) {
    const auto character = base::decode_utf8(text_.substr(offset));
    if (!character) {
      return error_at_offset(offset, fmt::format("the byte 0x{:02x} is not UTF-8",
                                                 static_cast<unsigned char>(text_[offset])));
    }
    if (is_deceptive(character->code_point)) {
      return error_at_offset(
          offset,
          fmt::format(
              "the character U+{:04X} is invisible or a control character, and is not accepted; in "
              "double quotes it can be written as an escape",
              character->code_point));
    }
    if (character->code_point == '\r' && at(offset + 1) != '\n') {
      return error_at_offset(
          offset,
          "a carriage return without a line feed; save the file with \\n or \\r\\n line ends");
    }
    const bool begins_line = offset == 0 || text_[offset - 1] == '\n';
    if (begins_line && only_blank_or_comment_before) {
      if (character->code_point == '%') {
        return error_at_offset(offset, "found a directive (\"%\"); directives are not supported");
      }
      only_blank_or_comment_before = character->code_point == '#' ||
                                     character->code_point == '\n' || character->code_point == '\r';
    }
    offset += character->length_bytes;
  }
  return {};
}

bool SourceText::stands_at(std::size_t offset, std::string_view value) const {
  return offset <= text_.size() && text_.substr(offset).starts_with(value);
}

bool SourceText::quote_ends(std::size_t offset) const {
  const char quote = at(offset);
  for (std::size_t index = offset + 1; index < text_.size(); ++index) {
    if (text_[index] == '\\' && quote == '"') {
      ++index;
    } else if (text_[index] == quote) {
      if (quote == '"' || at(index + 1) != quote) {
        return true;
      }
      ++index;
    }
  }
  return false;
}

bool SourceText::is_blank_from(std::size_t offset) const {
  return text_.find_first_not_of(" \t\r\n", offset) == std::string_view::npos;
}

std::size_t SourceText::start_of_empty_entry(std::size_t offset) const {
  if (at(offset) == ',' || at(offset) == ']' || offset == 0) {
    return offset;
  }
  const std::size_t before = text_.find_last_not_of(" \t\r\n", offset - 1);
  return before != std::string_view::npos && text_[before] == '-' ? before : offset;
}

bool SourceText::tab_indents_line_of(std::size_t offset) const {
  const std::string_view line = text_.substr(line_start(std::min(offset, text_.size())));
  const std::size_t first = line.find_first_not_of(' ');
  return first != std::string_view::npos && line[first] == '\t';
}

}  // namespace omnisandbox::policy
