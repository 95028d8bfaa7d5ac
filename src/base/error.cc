#include "base/error.h"

#include <cerrno>
#include <cstring>

#include "base/utf8.h"

namespace omnisandbox {
namespace base {
namespace {

// Characters that change how a terminal or a reader shows the text around them.
bool is_deceptive(std::uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) ||  // C0, DEL, C1
         (code_point >= 0x200B && code_point <= 0x200F) ||  // zero width, direction marks
         (code_point >= 0x2028 && code_point <= 0x202E) ||  // separators, overrides
         (code_point >= 0x2060 && code_point <= 0x206F) ||  // invisible, isolates
         code_point == 0xFEFF || (code_point >= 0xFFF9 && code_point <= 0xFFFB) ||
         (code_point >= 0xE0000 && code_point <= 0xE0FFF);  // tags
}

std::string escaped(std::uint32_t code_point) {
  switch (code_point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code_point < 0x80 ? fmt::format("\\x{:02x}", code_point)
                               : fmt::format("\\u{{{:x}}}", code_point);
  }
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  constexpr std::string_view ellipsis = "…";
  // Cut before escaping, so that a huge input costs no more than a small one.
  std::string_view tail;
  const bool cut = text.size() > max_bytes;
  if (cut) {
    const std::size_t half = max_bytes / 2;
    tail = text.substr(text.size() - half);
    text = text.substr(0, half);
  }
  std::string result;
  result.reserve(text.size() + tail.size() + ellipsis.size());
  const auto append = [&result](std::string_view part) {
    while (!part.empty()) {
      const auto character = decode_utf8(part);
      if (!character) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(part[0]));
        part.remove_prefix(1);
        continue;
      }
      if (is_deceptive(character->code_point)) {
        result += escaped(character->code_point);
      } else {
        result += part.substr(0, character->length_bytes);
      }
      part.remove_prefix(character->length_bytes);
    }
  };
  append(text);
  if (cut) {
    result += ellipsis;
    append(tail);
  }
  return result;
}

}  // namespace base

namespace {

ErrorKind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EEXIST:
      return ErrorKind::already_exists;
    case EINVAL:
    case ENAMETOOLONG:
      return ErrorKind::invalid_argument;
    case EFBIG:
      return ErrorKind::too_large;
    case EMFILE:
    case ENFILE:
    case EDQUOT:
      return ErrorKind::limit;
    case ENOMEM:
      return ErrorKind::memory;
    case ETIMEDOUT:
      return ErrorKind::timeout;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::unavailable;
    default:
      return ErrorKind::io;
  }
}

}  // namespace

Error Error::from_denial(Denial denial) {
  std::string message = fmt::format("{} {} is denied: {}", to_string(denial.capability),
                                    base::printable(denial.resource), denial.reason);
  if (!denial.rule.empty()) {
    message += fmt::format(" (rule: {})", denial.rule);
  }
  if (!denial.remedy.empty()) {
    message += fmt::format("; to allow it: {}", denial.remedy);
  }
  std::string resource = denial.resource;
  return Error{.kind = ErrorKind::denied,
               .message = std::move(message),
               .resource = std::move(resource),
               .denial = std::move(denial)};
}

Error Error::from_errno(int error_number, std::string_view operation, std::string_view resource) {
  // GNU strerror_r: thread-safe, and returns the text.
  char buffer[128];
  const char* text = strerror_r(error_number, buffer, sizeof buffer);
  return Error{.kind = kind_of_errno(error_number),
               .message = fmt::format("{} {}: {}", operation, base::printable(resource), text),
               .resource = std::string(resource),
               .system_errno = error_number};
}

}  // namespace omnisandbox
