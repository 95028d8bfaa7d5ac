#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox::policy {

// A policy of 20,000 rules is far smaller; what is larger is no policy.
inline constexpr std::size_t max_policy_file_bytes = 1024 * 1024;
// `docker: mounts: - {host_path: …}` is 4 deep. The parser recurses once a level, so this bounds
// its stack as well.
inline constexpr std::size_t max_yaml_depth = 16;
// Bounds memory: 1 MiB of "[,,,,]" is half a million nodes.
inline constexpr std::size_t max_yaml_nodes = 250'000;

/// One value of a YAML document, with the place where it begins.
struct YamlNode {
  enum class Kind : std::uint8_t {
    plain,   ///< a scalar without quotes
    quoted,  ///< a scalar in quotes, or a block scalar
    sequence,
    mapping,  ///< `items` are key, value, key, value, …
  };
  Kind kind = Kind::plain;
  FilePosition position;
  std::string text;
  std::vector<YamlNode> items;
};

/// "FILE:LINE:COLUMN: message", of kind `invalid_argument`. `message` must be printable.
Error error_at(std::string_view file_name, FilePosition position, std::string_view message);

/// Parses one YAML document into a tree, strictly: no nulls, anchors, aliases, tags, merge keys,
/// directives, duplicate keys, keys that are not scalars, plain scalars over several lines, further
/// documents, and no invisible or direction-changing characters, so that what a reader sees is what
/// is loaded. Nothing is expanded: time and memory are linear in the text.
Expected<YamlNode> parse_yaml(std::string_view text, std::string_view file_name);

}  // namespace omnisandbox::policy
