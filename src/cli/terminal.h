#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "linux/standard_streams.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::cli {

/// Colours for one stream: escapes on a terminal, nothing elsewhere. NO_COLOR (no-color.org) and
/// TERM=dumb switch them off.
class Palette {
 public:
  explicit Palette(linux_::StandardStream stream);
  std::string good(std::string_view text) const { return paint("32", text); }
  std::string bad(std::string_view text) const { return paint("31", text); }
  std::string warning(std::string_view text) const { return paint("33", text); }
  std::string heading(std::string_view text) const { return paint("1", text); }

 private:
  std::string paint(std::string_view code, std::string_view text) const;
  bool enabled_;
};

/// TERM=dumb: a terminal without escape sequences.
bool is_dumb_terminal();

/// Goes to the start of the line and takes away what stands there.
inline constexpr std::string_view erase_line = "\r\033[K";
/// Of a line that is taken away again: one that wraps could not be; terminals are seldom narrower.
inline constexpr std::size_t passing_line_columns = 79;

/// Writes `text` to standard output as it is; whether that worked. When not, standard error says
/// why.
bool print(std::string_view text);

/// "omnisandbox: MESSAGE" on standard error. Nobody is left to be told when that fails.
void print_problem(std::string_view message);

}  // namespace omnisandbox::cli
