#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "omnisandbox/error.h"

namespace omnisandbox::base {

/// `text` made safe for one line of a message, a log or a terminal: control characters, DEL, bytes
/// that are not UTF-8 and bidirectional overrides become \n, \xNN or \u{NNNN}; longer than
/// `max_bytes`, the middle is replaced by "…".
std::string printable(std::string_view text, std::size_t max_bytes = 512);

/// An Error whose message is formatted from constants and from arguments that are already
/// printable.
template <class... Args>
Error make_error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error{
      .kind = kind, .message = fmt::format(format, std::forward<Args>(args)...), .resource = {}};
}

}  // namespace omnisandbox::base
