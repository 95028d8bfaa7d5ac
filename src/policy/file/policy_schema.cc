#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "omnisandbox/policy_file.h"
#include "policy/file/policy_keys.h"

namespace omnisandbox {
namespace {

using nlohmann::ordered_json;
using policy::Key;
using policy::KeyType;
using policy::Section;

// What base::parse_byte_size and base::parse_duration take. A schema cannot say what range a text
// with units lies in, so the loader refuses more than the schema does, and never less.
constexpr const char* size_pattern =
    R"(^[0-9]+(\.[0-9]{1,9})? ?(B|KiB|MiB|GiB|TiB|KB|kB|MB|GB|TB)$)";
constexpr const char* duration_pattern =
    R"(^([0-9]+(\.[0-9]{1,9})?|([0-9]+(\.[0-9]{1,9})?h)?([0-9]+(\.[0-9]{1,9})?m)?([0-9]+(\.[0-9]{1,9})?s)?)"
    R"(([0-9]+(\.[0-9]{1,9})?ms)?([0-9]+(\.[0-9]{1,9})?(us|µs))?([0-9]+(\.[0-9]{1,9})?ns)?)$)";

ordered_json reference_to(const Section& section) {
  return {{"$ref", fmt::format("#/$defs/{}", section.name)}};
}

ordered_json words_of(const Key& key) {
  ordered_json words = ordered_json::array();
  for (const std::string_view word : key.words) {
    words.push_back(word);
  }
  return {{"enum", words}};
}

ordered_json number_of(const Key& key) {
  return {{"type", "integer"}, {"minimum", key.minimum}, {"maximum", key.maximum}};
}

ordered_json number_or_size_of(const Key& key) {
  return {{"anyOf", {number_of(key), {{"type", "string"}, {"pattern", size_pattern}}}}};
}

ordered_json duration_of(const Key& key) {
  constexpr double milliseconds_in_second = 1000;
  const double most = static_cast<double>(key.maximum) / milliseconds_in_second;
  const ordered_json seconds = {{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", most}};
  return {
      {"anyOf", {seconds, {{"type", "string"}, {"minLength", 1}, {"pattern", duration_pattern}}}}};
}

ordered_json list_of(const Key& key, const ordered_json& items) {
  return {{"type", "array"}, {"maxItems", key.maximum}, {"items", items}};
}

ordered_json schema_of(const Key& key) {
  ordered_json text = {{"type", "string"}};
  switch (key.type) {
    case KeyType::version:
      return {{"const", 1}};
    case KeyType::flag:
      return {{"type", "boolean"}};
    case KeyType::count:
      return number_of(key);
    case KeyType::byte_size:
    case KeyType::mebibytes:
      return number_or_size_of(key);
    case KeyType::duration:
      return duration_of(key);
    case KeyType::text:
      return text;
    case KeyType::word:
      return words_of(key);
    case KeyType::word_list: {
      ordered_json list = list_of(key, words_of(key));
      list["uniqueItems"] = true;
      return list;
    }
    case KeyType::text_list:
      return list_of(key, text);
    case KeyType::text_map:
      return {{"type", "object"},
              {"propertyNames", {{"pattern", "^[^=]+$"}}},
              {"additionalProperties", text}};
    case KeyType::entry_list:
      if (key.short_form.empty()) {
        return list_of(key, reference_to(*key.section));
      }
      return list_of(key, ordered_json{{"anyOf", {text, reference_to(*key.section)}}});
    case KeyType::section:
      break;
  }
  return reference_to(*key.section);
}

ordered_json schema_of(const Section& section) {
  ordered_json properties = ordered_json::object();
  ordered_json required = ordered_json::array();
  for (const Key* key : section.keys) {
    ordered_json property = schema_of(*key);
    std::string description(key->description);
    if (!key->unit.empty()) {
      description += fmt::format(" Unit: {}.", key->unit);
    }
    if (!key->when_unset.empty()) {
      description += fmt::format(" When left out: {}.", key->when_unset);
    }
    property["description"] = description;
    if (!key->default_value.is_null()) {
      property["default"] = key->default_value;
    }
    properties[std::string(key->name)] = std::move(property);
    if (key->required) {
      required.push_back(key->name);
    }
  }
  ordered_json result = {
      {"title", section.title}, {"description", section.description}, {"type", "object"}};
  if (!required.empty()) {
    result["required"] = required;
  }
  result["properties"] = std::move(properties);
  result["additionalProperties"] = false;
  return result;
}

}  // namespace

std::string policy_file_schema() {
  const auto& sections = policy::policy_sections();
  ordered_json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
  schema.update(schema_of(*sections.front()));
  ordered_json definitions = ordered_json::object();
  for (std::size_t index = 1; index < sections.size(); ++index) {
    definitions[std::string(sections[index]->name)] = schema_of(*sections[index]);
  }
  schema["$defs"] = std::move(definitions);
  return schema.dump(2) + "\n";
}

}  // namespace omnisandbox
