#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/json_text.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::mcp {

enum class ParameterType : std::uint8_t {
  text,
  count,      ///< a whole number, 0 and above
  seconds,    ///< a number above 0
  text_list,  ///< a list of strings
  text_map,   ///< an object of strings
};

enum class Presence : std::uint8_t { required, optional };

/// One argument of a tool. The schema that clients see and what is accepted are made from the same
/// table of these.
struct Parameter {
  std::string name;
  ParameterType type = ParameterType::text;
  Presence presence = Presence::optional;
  std::string description;
  std::vector<std::string> choices{};  ///< of `text`: what it can be; empty: anything
};

/// A JSON Schema (2020-12) of an object with these members and no others.
Json input_schema(std::span<const Parameter> parameters);

/// The arguments of one call, checked.
class Arguments {
 public:
  /// `values` is the object that the client sent. Error: `invalid_argument`, whose message tells a
  /// model what to write instead.
  static Expected<Arguments> read(std::span<const Parameter> parameters, const ParsedJson& values);

  /// Of a required text, or of one that was given; else empty.
  std::string text(std::string_view name) const;
  std::optional<std::string> optional_text(std::string_view name) const;
  std::optional<std::uint64_t> count(std::string_view name) const;
  std::optional<std::chrono::milliseconds> seconds(std::string_view name) const;
  std::vector<std::string> text_list(std::string_view name) const;
  std::vector<std::pair<std::string, std::string>> text_map(std::string_view name) const;

 private:
  explicit Arguments(ParsedJson values) : values_(std::move(values)) {}
  const ParsedJson* find(std::string_view name) const;
  ParsedJson values_;
};

}  // namespace omnisandbox::mcp
