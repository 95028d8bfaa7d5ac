#include "policy/file/policy_reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "policy/file/policy_keys.h"
#include "policy/file/value_reader.h"

namespace omnisandbox::policy {
namespace {

constexpr std::string_view introduction = R"(# Policy file reference

<!-- Made from the table in src/policy/file/ by the test PolicyReference.PageMatchesTheTable; do not edit by hand. -->

A policy file is YAML (JSON is valid YAML) in UTF-8, at most 1 MiB. What is not written is not allowed. It is read strictly:
an unknown key, a key written twice, a value of another type or out of its range, an anchor, an alias, a tag, a merge key or
a second document is an error that names the line and column, and nothing runs.

- A value that begins with `*` must be in quotes: `"*.example.org"`.
- A text that looks like a number or a truth value must be in quotes: `environment: {DEBUG: "1"}`.
- Truth values are `true` and `false`; `yes`, `no`, `on` and `off` are not accepted.
- Numbers are whole and in decimal digits.
- Sizes: a number of bytes, or a number and `B`, `KB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB`
  (powers of 1024).
- Durations: a number of seconds, or numbers with `h`, `m`, `s`, `ms`, `us`, `ns`, the largest unit first: `1m30s`.

The same as a JSON Schema: `omnisandbox policy schema`. What a policy says about a request: `omnisandbox policy explain`.

```yaml
version: 1
capabilities: [fs_read, net_http]
allowed_paths: [/tmp/data, {path: /home/user/docs, access: read}]
allowed_hosts: [api.example.com, "*.example.org", {host: api.example.net, methods: [GET]}]
timeout: 30s
```
)";

// A cell of a table must not end the cell.
std::string cell(std::string_view text) {
  std::string result;
  for (const char character : text) {
    result += character == '|' ? std::string("\\|") : std::string(1, character);
  }
  return result;
}

std::string type_of(const Key& key) {
  switch (key.type) {
    case KeyType::version:
      return "`1`";
    case KeyType::flag:
      return "`true` or `false`";
    case KeyType::count:
      return "whole number";
    case KeyType::byte_size:
      return "bytes, or a size";
    case KeyType::mebibytes:
      return "MiB, or a size";
    case KeyType::duration:
      return "duration";
    case KeyType::text:
      return "text";
    case KeyType::word:
      return fmt::format("`{}`", fmt::join(key.words, "`, `"));
    case KeyType::word_list:
      return fmt::format("list of `{}`", fmt::join(key.words, "`, `"));
    case KeyType::text_list:
      return "list of texts";
    case KeyType::text_map:
      return "names and texts";
    case KeyType::entry_list:
      return key.short_form.empty() ? fmt::format("list of [mappings](#{})", key.section->name)
                                    : fmt::format("list of texts (its `{}`) or [mappings](#{})",
                                                  key.short_form, key.section->name);
    case KeyType::section:
      break;
  }
  return fmt::format("[mapping](#{})", key.section->name);
}

std::string range_of(const Key& key) {
  switch (key.type) {
    case KeyType::count:
    case KeyType::byte_size:
    case KeyType::mebibytes:
    case KeyType::duration:
      return fmt::format("{} to {}", show_quantity(key, key.minimum),
                         show_quantity(key, key.maximum));
    case KeyType::word_list:
    case KeyType::text_list:
    case KeyType::entry_list:
      return fmt::format("at most {} entries", key.maximum);
    default:
      return "";
  }
}

std::string default_of(const Key& key) {
  if (key.required) {
    return "required";
  }
  if (!key.when_unset.empty()) {
    return std::string(key.when_unset);
  }
  const nlohmann::json& value = key.default_value;
  if (value.is_number_unsigned() &&
      (key.type == KeyType::byte_size || key.type == KeyType::mebibytes)) {
    return fmt::format("`{}` ({})", value.dump(), show_quantity(key, value.get<std::uint64_t>()));
  }
  if (value.is_array()) {
    return fmt::format("`[{}]`", fmt::join(value.get<std::vector<std::string>>(), ", "));
  }
  return fmt::format("`{}`",
                     value.is_string() ? yaml_spelling(value.get<std::string>()) : value.dump());
}

std::string section_text(const Section& section) {
  std::string text = fmt::format(
      "\n## {}\n\n<a id=\"{}\"></a>{}\n\n| key | value | range | when left out | meaning | example "
      "|\n"
      "|---|---|---|---|---|---|\n",
      section.title, section.name, section.description);
  for (const Key* key : section.keys) {
    text += fmt::format("| `{}` | {} | {} | {} | {} | `{}` |\n", key->name, cell(type_of(*key)),
                        cell(range_of(*key)), cell(default_of(*key)), cell(key->description),
                        cell(key->example));
  }
  return text;
}

}  // namespace

std::string policy_reference_page() {
  std::string page(introduction);
  for (const Section* section : policy_sections()) {
    page += section_text(*section);
  }
  return page;
}

}  // namespace omnisandbox::policy
