#include "policy/file/value_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/units.h"
#include "policy/file/suggestion.h"
#include "policy/limits.h"

namespace omnisandbox::policy {
namespace {

// Of text that is shown back in messages.
constexpr std::size_t max_shown_bytes = 80;

bool is_digit(char character) { return character >= '0' && character <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t index) {
  while (index < text.size() && is_digit(text[index])) {
    ++index;
  }
  return index;
}

bool is_decimal(std::string_view text) {
  return !text.empty() && skip_digits(text, 0) == text.size() &&
         (text.size() == 1 || text[0] != '0');
}

// What YAML 1.2's core schema takes a plain scalar for, when it is not a text; empty when it is
// one.
std::string_view core_type(std::string_view text) {
  for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) {
      return "the truth value";
    }
  }
  for (const std::string_view word : {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                      "-.Inf", "-.INF", ".nan", ".NaN", ".NAN"}) {
    if (text == word) {
      return "the number";
    }
  }
  if (text.starts_with("0x") || text.starts_with("0o")) {
    const std::string_view digits = text[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567";
    return text.size() > 2 && text.find_first_not_of(digits, 2) == std::string_view::npos
               ? "the number"
               : "";
  }
  std::size_t index = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const std::size_t whole_end = skip_digits(text, index);
  std::size_t digits = whole_end - index;
  index = whole_end;
  if (index < text.size() && text[index] == '.') {
    const std::size_t fraction_end = skip_digits(text, index + 1);
    digits += fraction_end - index - 1;
    index = fraction_end;
  }
  if (digits != 0 && index < text.size() && (text[index] == 'e' || text[index] == 'E')) {
    ++index;
    index += index < text.size() && (text[index] == '-' || text[index] == '+') ? 1 : 0;
    const std::size_t exponent_end = skip_digits(text, index);
    digits = exponent_end == index ? 0 : digits;
    index = exponent_end;
  }
  return digits != 0 && index == text.size() ? "the number" : "";
}

std::string shown(std::string_view text) { return base::printable(text, max_shown_bytes); }

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
    case YamlNode::Kind::quoted:
      return fmt::format("the text \"{}\" in quotes", shown(node.text));
    case YamlNode::Kind::plain:
      break;
  }
  const std::string_view type = core_type(node.text);
  return type.empty() ? fmt::format("the text \"{}\"", shown(node.text))
                      : fmt::format("{} {}", type, shown(node.text));
}

bool is_scalar(const YamlNode& node) {
  return node.kind == YamlNode::Kind::plain || node.kind == YamlNode::Kind::quoted;
}

std::string expected_number(const Key& key) {
  const std::string range = fmt::format("from {} to {}", show_quantity(key, key.minimum),
                                        show_quantity(key, key.maximum));
  switch (key.type) {
    case KeyType::byte_size:
      return fmt::format("a whole number of bytes or a size such as 64KiB or 16MiB, {}", range);
    case KeyType::mebibytes:
      return fmt::format("a whole number of MiB or a size such as 16MiB or 1GiB, {}", range);
    default:
      return fmt::format("a whole number in decimal digits, {}", range);
  }
}

}  // namespace

std::string show_quantity(const Key& key, std::uint64_t value) {
  switch (key.type) {
    case KeyType::byte_size:
      return base::format_byte_size(value);
    case KeyType::mebibytes:
      return base::format_byte_size(value * mebibyte);
    case KeyType::duration: {
      constexpr std::uint64_t second_ms = 1000;
      constexpr std::uint64_t hour_ms = 3600 * second_ms;
      if (value != 0 && value % hour_ms == 0) {
        return fmt::format("{}h", value / hour_ms);
      }
      return value % second_ms == 0 ? fmt::format("{}s", value / second_ms)
                                    : fmt::format("{}ms", value);
    }
    default:
      return fmt::format("{}", value);
  }
}

std::string yaml_spelling(std::string_view text) {
  const bool safe = !text.empty() && std::all_of(text.begin(), text.end(), [](char character) {
    return is_digit(character) || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z') ||
           std::string_view("/._-").find(character) != std::string_view::npos;
  });
  if (safe && text[0] != '-' && text[0] != '.' && core_type(text).empty()) {
    return std::string(text);
  }
  // As JSON, which is YAML; what cannot be shown is escaped there.
  const bool only_ascii = base::printable(text, text.size()) != text;
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', only_ascii, nlohmann::json::error_handler_t::replace);
}

Error ValueReader::error(FilePosition position, std::string_view message) const {
  return error_at(file_name_, position, message);
}

Error ValueReader::unexpected(const YamlNode& node, std::string_view where,
                              std::string_view expected) const {
  return error(node.position,
               fmt::format("{}: found {}, expected {}", where, describe(node), expected));
}

Error ValueReader::unknown_key(const YamlNode& key, std::string_view where,
                               const std::vector<const Key*>& known) const {
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const Key* candidate : known) {
    names.push_back(candidate->name);
  }
  const std::string_view suggestion = nearest_word(key.text, names);
  const std::string place = where.empty() ? std::string() : fmt::format("{}: ", where);
  if (!suggestion.empty()) {
    return error(key.position, fmt::format("{}unknown key \"{}\"; did you mean \"{}\"?", place,
                                           shown(key.text), suggestion));
  }
  return error(key.position, fmt::format("{}unknown key \"{}\"; the keys here are {}", place,
                                         shown(key.text), fmt::join(names, ", ")));
}

Expected<void> ValueReader::read_version(const YamlNode& node) const {
  if (node.kind != YamlNode::Kind::plain || node.text != "1") {
    return unexpected(node, "version", "1, the version of the format that this build reads");
  }
  return {};
}

Expected<bool> ValueReader::read_flag(const YamlNode& node, std::string_view where) const {
  if (node.kind == YamlNode::Kind::plain && (node.text == "true" || node.text == "false")) {
    return node.text == "true";
  }
  return unexpected(
      node, where,
      "true or false, in small letters and without quotes (yes, no, on and off are not accepted)");
}

Expected<std::uint64_t> ValueReader::read_number(const Key& key, const YamlNode& node,
                                                 std::string_view where) const {
  std::optional<std::uint64_t> value;
  if (node.kind == YamlNode::Kind::plain && is_decimal(node.text)) {
    std::uint64_t number = 0;
    const auto [end, failure] =
        std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
    if (failure == std::errc() && end == node.text.data() + node.text.size()) {
      value = number;
    }
  } else if (key.type != KeyType::count && is_scalar(node) && !node.text.empty() &&
             !is_digit(node.text.back())) {
    // With a unit. "16" in quotes stays an error, as 1048576.0 does: bytes or MiB, nobody knows.
    value = base::parse_byte_size(node.text);
    if (value && key.type == KeyType::mebibytes) {
      if (*value % mebibyte != 0) {
        return error(node.position, fmt::format("{}: {} is not a whole number of MiB (1 MiB is "
                                                "1048576 bytes; MB is a unit of 1000000)",
                                                where, shown(node.text)));
      }
      value = *value / mebibyte;
    }
  }
  if (!value || *value < key.minimum || *value > key.maximum) {
    return unexpected(node, where, expected_number(key));
  }
  return *value;
}

Expected<std::chrono::milliseconds> ValueReader::read_duration(const Key& key, const YamlNode& node,
                                                               std::string_view where) const {
  const auto value = is_scalar(node) ? base::parse_duration(node.text) : std::nullopt;
  if (!value || value->count() < 0 || static_cast<std::uint64_t>(value->count()) < key.minimum ||
      static_cast<std::uint64_t>(value->count()) > key.maximum) {
    return unexpected(
        node, where,
        fmt::format("a duration such as 30s, 250ms or 1m30s, from {} to {} in whole milliseconds",
                    show_quantity(key, key.minimum), show_quantity(key, key.maximum)));
  }
  return *value;
}

Expected<std::string> ValueReader::read_text(const Key& key, const YamlNode& node,
                                             std::string_view where) const {
  if (!is_scalar(node)) {
    return unexpected(node, where, "a text");
  }
  if (node.kind == YamlNode::Kind::plain && !core_type(node.text).empty()) {
    return unexpected(node, where,
                      fmt::format("a text; write it in quotes: \"{}\"", shown(node.text)));
  }
  for (const char character : node.text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte == 0) {
      return error(node.position, fmt::format("{}: a text cannot contain a NUL character", where));
    }
    if ((byte < 0x20 || byte == 0x7F) && !key.control_characters) {
      return error(node.position,
                   fmt::format("{}: \"{}\" contains a control character", where, shown(node.text)));
    }
  }
  return node.text;
}

Expected<std::size_t> ValueReader::read_word(const Key& key, const YamlNode& node,
                                             std::string_view where) const {
  if (is_scalar(node)) {
    const auto found = std::find(key.words.begin(), key.words.end(), node.text);
    if (found != key.words.end()) {
      return static_cast<std::size_t>(found - key.words.begin());
    }
    const std::string_view suggestion = nearest_word(node.text, key.words);
    if (!suggestion.empty()) {
      return unexpected(
          node, where,
          fmt::format("one of {}; did you mean {}?", fmt::join(key.words, ", "), suggestion));
    }
  }
  return unexpected(node, where, fmt::format("one of {}", fmt::join(key.words, ", ")));
}

Expected<void> ValueReader::check_list(const Key& key, const YamlNode& node,
                                       std::string_view where) {
  if (is_scalar(node)) {
    return unexpected(
        node, where,
        fmt::format("a list; write {}: [{}]", key.name, shown(yaml_spelling(node.text))));
  }
  if (node.kind != YamlNode::Kind::sequence) {
    return unexpected(node, where, "a list; begin each entry with \"- \"");
  }
  if (node.items.size() > key.maximum) {
    return error(node.position, fmt::format("{}: {} entries are more than the limit of {}", where,
                                            node.items.size(), key.maximum));
  }
  for (std::size_t index = 0; index < node.items.size(); ++index) {
    note(fmt::format("{}[{}]", where, index), node.items[index].position);
  }
  return {};
}

Expected<std::vector<std::string>> ValueReader::read_text_list(const Key& key, const YamlNode& node,
                                                               std::string_view where) {
  TRY(check_list(key, node, where));
  std::vector<std::string> texts;
  for (std::size_t index = 0; index < node.items.size(); ++index) {
    texts.push_back(TRY(read_text(key, node.items[index], fmt::format("{}[{}]", where, index))));
  }
  return texts;
}

Expected<std::map<std::string, std::string>> ValueReader::read_text_map(
    const Key& key, const YamlNode& node, std::string_view where) const {
  if (node.kind != YamlNode::Kind::mapping) {
    return unexpected(node, where, "a mapping of names to texts: {NAME: text}");
  }
  std::map<std::string, std::string> result;
  for (std::size_t index = 0; index + 1 < node.items.size(); index += 2) {
    const YamlNode& name = node.items[index];
    if (name.text.empty() ||
        name.text.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
      return error(
          name.position,
          fmt::format(
              "{}: \"{}\" is no name of a variable: it must not be empty or contain \"=\" or NUL",
              where, shown(name.text)));
    }
    result.emplace(name.text, TRY(read_text(key, node.items[index + 1],
                                            fmt::format("{}.{}", where, shown(name.text)))));
  }
  return result;
}

}  // namespace omnisandbox::policy
