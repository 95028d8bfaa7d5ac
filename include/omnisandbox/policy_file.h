#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/config.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/expected.h"

namespace omnisandbox {

/// A policy file's content: the Config, and the `docker:` section where there is one.
struct PolicyFile {
  Config config;
  std::optional<DockerConfig> docker{};
};

/// Reads YAML (JSON is valid YAML), strictly: unknown or duplicate keys, wrong types, bad sizes and durations are
/// errors of kind `invalid_argument` whose message begins "FILE:LINE:COLUMN: ". Nothing is defaulted silently.
Expected<PolicyFile> load_policy_file(const std::filesystem::path& path);
/// The same for text in memory; `file_name` stands in messages.
Expected<PolicyFile> parse_policy_file(std::string_view text, std::string_view file_name);

/// A JSON Schema (draft 2020-12) of the policy file, made from the same table as the loader.
std::string policy_file_schema();

}  // namespace omnisandbox
