#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy_file.h"
#include "policy/file/yaml_tree.h"

/// One table describes every key of a policy file; the loader, the JSON Schema and the reference
/// page are made from it.
namespace omnisandbox::policy {

enum class KeyType : std::uint8_t {
  version,    ///< the number 1
  flag,       ///< true or false
  count,      ///< a whole number
  byte_size,  ///< a whole number of bytes, or a size with its unit
  mebibytes,  ///< a whole number of MiB, or a size with its unit
  duration,   ///< a number of seconds, or a duration with its units
  text,
  word,       ///< one of `words`
  word_list,  ///< a list of different `words`
  text_list,
  text_map,    ///< names and texts
  entry_list,  ///< a list of mappings described by `section`, or, for short, of the text of its key
               ///< `short_form`
  section,     ///< a mapping described by `section`
};

struct Section;

struct Key {
  std::string_view name;
  KeyType type = KeyType::text;
  /// Inclusive bounds: of a number, in its unit (durations: milliseconds); of a list, of its
  /// length.
  std::uint64_t minimum = 0;
  std::uint64_t maximum = 0;
  std::string_view unit{};
  std::span<const std::string_view> words{};
  const Section* section = nullptr;
  std::string_view short_form{};
  bool required = false;
  bool control_characters = false;  ///< of texts: whether line ends and the like may stand in them
  std::string_view description{};
  std::string_view
      when_unset{};            ///< what holds when the key is left out, where that is not a value
  std::string_view example{};  ///< a value in YAML
  nlohmann::json default_value{};  ///< from the C++ type itself; null: there is none
};

/// A mapping and the keys that it may have.
struct Section {
  std::string_view name;  ///< in the schema's $defs, and the heading of the reference page
  std::string_view title;
  std::string_view description;
  std::vector<const Key*> keys;
};

/// The file's own section first, then each one that a key refers to.
const std::vector<const Section*>& policy_sections();

/// The loader: a tree of nodes to a PolicyFile.
Expected<PolicyFile> read_policy(const YamlNode& root, std::string_view file_name);

}  // namespace omnisandbox::policy
