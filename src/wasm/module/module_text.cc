#include "wasm/module/module_text.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "wasm/component/component_shape.h"
#include "wasm/limits.h"
#include "wasm/module/module_shape.h"

namespace omnisandbox::wasm {
namespace {

constexpr std::string_view blanks = " \t\r\n\f";

std::string_view text_in(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Block comments nest (WebAssembly core specification 2.0, section 6.3.3). Empty where one does not
// end.
std::string_view after_block_comment(std::string_view text) noexcept {
  int depth = 0;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    const std::string_view two = text.substr(at, 2);
    if (two == "(;" || two == ";)") {
      depth += two == "(;" ? 1 : -1;
      ++at;
      if (depth == 0) {
        return text.substr(at + 1);
      }
    }
  }
  return {};
}

std::string_view without_blanks_and_comments(std::string_view text) noexcept {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (text.starts_with(";;")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (text.starts_with("(;")) {
      text = after_block_comment(text);
    } else {
      return text;
    }
  }
}

}  // namespace

bool looks_like_text(std::span<const std::byte> bytes) noexcept {
  const std::string_view text = text_in(bytes);
  const std::size_t first = text.find_first_not_of(blanks);
  return first != std::string_view::npos && (text[first] == '(' || text[first] == ';');
}

bool is_component_source(std::span<const std::byte> bytes) noexcept {
  if (!looks_like_text(bytes)) {
    return component::is_component(bytes);
  }
  std::string_view text = without_blanks_and_comments(text_in(bytes));
  if (!text.starts_with('(')) {
    return false;
  }
  text = without_blanks_and_comments(text.substr(1));
  constexpr std::string_view word = "component";
  return text.starts_with(word) &&
         (text.size() == word.size() ||
          std::string_view(" \t\r\n\f()\";$").find(text[word.size()]) != std::string_view::npos);
}

Expected<void> text_to_binary(std::span<const std::byte> text, ByteVector& binary) {
  if (text.size() > max_module_text_bytes) {
    return base::make_error(ErrorKind::too_large, "the module's text has {}; {} are allowed",
                            base::format_byte_size(text.size()),
                            base::format_byte_size(max_module_text_bytes));
  }
  const ErrorOwner error(
      wasmtime_wat2wasm(reinterpret_cast<const char*>(text.data()), text.size(), binary.out()));
  if (error != nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the module's text is not valid: {}",
                            message_of(*error));
  }
  return {};
}

Expected<std::span<const std::byte>> binary_of(std::span<const std::byte> bytes,
                                               ByteVector& from_text) {
  TRY(check_module_size(bytes.size()));
  if (bytes.empty()) {
    return base::make_error(ErrorKind::invalid_argument, "the module is empty");
  }
  if (!looks_like_text(bytes)) {
    return bytes;
  }
  TRY(text_to_binary(bytes, from_text));
  TRY(check_module_size(from_text.bytes().size()));
  return std::as_bytes(from_text.bytes());
}

// wasmtime explains itself over several lines, with the cause last.
std::string message_of(const wasmtime_error_t& error) {
  ByteVector message;
  wasmtime_error_message(&error, message.out());
  const std::string_view text = message.text();
  std::string line;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view part = text.substr(begin, end - begin);
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    if (!part.empty()) {
      line += line.empty() ? "" : line.back() == ':' ? " " : "; ";
      line += part;
    }
    begin = end + 1;
  }
  return base::printable(line, 1024);
}

}  // namespace omnisandbox::wasm
