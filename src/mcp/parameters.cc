#include "mcp/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "runner/suggestion.h"

namespace omnisandbox::mcp {
namespace {

// Beyond it a duration is "as long as the policy allows", and doubles would lose milliseconds.
constexpr double max_seconds = 1e9;

Json schema_of(const Parameter& parameter) {
  Json schema;
  switch (parameter.type) {
    case ParameterType::text:
      schema["type"] = "string";
      break;
    case ParameterType::count:
      schema = {{"type", "integer"}, {"minimum", 0}};
      break;
    case ParameterType::seconds:
      schema = {{"type", "number"}, {"exclusiveMinimum", 0}};
      break;
    case ParameterType::text_list:
      schema = {{"type", "array"}, {"items", {{"type", "string"}}}};
      break;
    case ParameterType::text_map:
      schema = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
      break;
  }
  schema["description"] = parameter.description;
  if (!parameter.choices.empty()) {
    schema["enum"] = parameter.choices;
  }
  if (parameter.presence == Presence::optional) {
    // A word of OpenAPI, which JSON Schema passes over; frameworks that demand every argument
    // otherwise (smolagents) know it. Null is taken for "not given".
    schema["nullable"] = true;
  }
  return schema;
}

bool is_text(const ParsedJson& value) { return value.is_string(); }

/// A whole number; 5.0 is one (JSON Schema, and what models write).
std::optional<std::uint64_t> whole_number(const ParsedJson& value) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>();
  }
  constexpr double first_beyond = 9007199254740992.0;  // 2^53: above it doubles skip numbers
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number >= 0 && number < first_beyond && std::floor(number) == number) {
      return static_cast<std::uint64_t>(number);
    }
  }
  return std::nullopt;
}

/// What is wrong with a value; empty: nothing.
std::string problem_with(const Parameter& parameter, const ParsedJson& value) {
  switch (parameter.type) {
    case ParameterType::text:
      if (!is_text(value)) {
        return "must be a string";
      }
      if (!parameter.choices.empty() &&
          std::find(parameter.choices.begin(), parameter.choices.end(),
                    value.get_ref<const std::string&>()) == parameter.choices.end()) {
        return fmt::format("must be one of {}", fmt::join(parameter.choices, ", "));
      }
      return {};
    case ParameterType::count:
      return whole_number(value) ? "" : "must be a whole number, 0 or above";
    case ParameterType::seconds:
      return value.is_number() && value.get<double>() > 0 ? "" : "must be a number above 0";
    case ParameterType::text_list:
      return value.is_array() && std::all_of(value.begin(), value.end(), is_text)
                 ? ""
                 : "must be a list of strings";
    case ParameterType::text_map:
      return value.is_object() && std::all_of(value.begin(), value.end(), is_text)
                 ? ""
                 : "must be an object whose values are strings";
  }
  return {};
}

}  // namespace

Json input_schema(std::span<const Parameter> parameters) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Parameter& parameter : parameters) {
    properties[parameter.name] = schema_of(parameter);
    if (parameter.presence == Presence::required) {
      required.push_back(parameter.name);
    }
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) {
    schema["required"] = std::move(required);
  }
  schema["additionalProperties"] = false;
  return schema;
}

Expected<Arguments> Arguments::read(std::span<const Parameter> parameters,
                                    const ParsedJson& values) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) {
    names.push_back(parameter.name);
    const auto found = values.find(parameter.name);
    if (found == values.end()) {
      if (parameter.presence == Presence::required) {
        return base::make_error(ErrorKind::invalid_argument, "the argument \"{}\" is missing: {}",
                                parameter.name, parameter.description);
      }
      continue;
    }
    if (found->is_null() && parameter.presence == Presence::optional) {
      continue;  // what some clients write for "not given"
    }
    if (const std::string problem = problem_with(parameter, *found); !problem.empty()) {
      return base::make_error(ErrorKind::invalid_argument, "the argument \"{}\" {}", parameter.name,
                              problem);
    }
  }
  for (const auto& [name, value] : values.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const std::string nearest = runner::nearest_word(name, names);
      return base::make_error(
          ErrorKind::invalid_argument, "there is no argument \"{}\"; {}", base::printable(name, 64),
          nearest.empty() ? fmt::format("the arguments are {}", fmt::join(names, ", "))
                          : fmt::format("did you mean \"{}\"?", nearest));
    }
  }
  return Arguments(values);
}

const ParsedJson* Arguments::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> Arguments::optional_text(std::string_view name) const {
  const ParsedJson* value = find(name);
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

std::string Arguments::text(std::string_view name) const {
  return optional_text(name).value_or(std::string());
}

std::optional<std::uint64_t> Arguments::count(std::string_view name) const {
  const ParsedJson* value = find(name);
  return value == nullptr ? std::nullopt : whole_number(*value);
}

std::optional<std::chrono::milliseconds> Arguments::seconds(std::string_view name) const {
  const ParsedJson* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  constexpr double milliseconds_in_a_second = 1000;
  const double seconds = std::min(value->get<double>(), max_seconds);
  return std::chrono::milliseconds(
      std::max<std::int64_t>(1, std::llround(seconds * milliseconds_in_a_second)));
}

std::vector<std::string> Arguments::text_list(std::string_view name) const {
  const ParsedJson* value = find(name);
  return value == nullptr ? std::vector<std::string>() : value->get<std::vector<std::string>>();
}

std::vector<std::pair<std::string, std::string>> Arguments::text_map(std::string_view name) const {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (const ParsedJson* value = find(name)) {
    for (const auto& [key, text] : value->items()) {
      pairs.emplace_back(key, text.get<std::string>());
    }
  }
  return pairs;
}

}  // namespace omnisandbox::mcp
