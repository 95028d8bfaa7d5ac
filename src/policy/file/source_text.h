#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox::policy {

/// The text of a policy file as it stands, for what the YAML parser does not tell: positions in
/// characters, whether a quote is closed, what a node was written as. Borrows the text and the
/// name; for one thread.
class SourceText {
 public:
  SourceText(std::string_view text, std::string_view file_name);

  std::size_t size() const { return text_.size(); }
  /// The byte at `offset`; NUL at and past the end (the text itself has none).
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

  FilePosition position(std::size_t offset) const;
  Error error(FilePosition position, std::string_view message) const;
  Error error_at_offset(std::size_t offset, std::string_view message) const {
    return error(position(offset), message);
  }

  /// Size, UTF-8, and characters that are invisible, change the direction or end a line for some
  /// readers only.
  Expected<void> check_characters() const;

  /// Whether the text at `offset` is `value`, byte for byte.
  bool stands_at(std::size_t offset, std::string_view value) const;
  /// Whether the quote that begins at `offset` is closed.
  bool quote_ends(std::size_t offset) const;
  /// Whether nothing but blanks and line ends follows.
  bool is_blank_from(std::size_t offset) const;
  /// Where the parser tells of an empty list entry at `offset`: the place of its "-", or `offset`
  /// itself.
  std::size_t start_of_empty_entry(std::size_t offset) const;
  bool tab_indents_line_of(std::size_t offset) const;

 private:
  std::size_t line_start(std::size_t offset) const;

  std::string_view text_;
  std::string_view file_name_;
  std::vector<std::size_t> line_starts_;  // offsets, ascending; the first is 0
  // The position asked for last. Questions come in rising order, so that a file of one long line
  // costs linear time.
  mutable std::size_t known_offset_ = 0;
  mutable FilePosition known_position_;
};

}  // namespace omnisandbox::policy
