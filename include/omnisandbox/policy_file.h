#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"

namespace omnisandbox {

/// Where something stands in a file: both count from 1, the column in characters.
struct FilePosition {
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const FilePosition&) const = default;
};

/// A policy file's content: the Config, and the `docker:` section where there is one.
struct PolicyFile {
  Config config;
  std::optional<DockerConfig> docker{};
  /// Where each key and list entry stands: "timeout", "allowed_paths[1]",
  /// "allowed_commands[0].args", "docker.mounts[0]". The names are those of PolicyWarning::where,
  /// so that a front end can point at the line.
  std::map<std::string, FilePosition, std::less<>> positions{};
};

/// Reads YAML (JSON is valid YAML), strictly: unknown or duplicate keys, wrong types, bad sizes and
/// durations are errors of kind `invalid_argument` whose message begins "FILE:LINE:COLUMN: ".
/// Nothing is defaulted silently.
Expected<PolicyFile> load_policy_file(const std::filesystem::path& path);
/// The same for text in memory; `file_name` stands in messages.
Expected<PolicyFile> parse_policy_file(std::string_view text, std::string_view file_name);

/// As `lint(const Config&)`, and of the `docker:` section as well. Pure. Where a key or entry is
/// written, `where` of its warnings is, or begins with, a key of `PolicyFile::positions`.
std::vector<PolicyWarning> lint(const PolicyFile& file);

/// A JSON Schema (draft 2020-12) of the policy file, made from the same table as the loader.
std::string policy_file_schema();

}  // namespace omnisandbox
