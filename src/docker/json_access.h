#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace omnisandbox::docker {

/// What a JSON object has under `key`; null where it has nothing, and where it is no object. Lives
/// as long as `object`.
inline const nlohmann::json& member(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json nothing;
  if (!object.is_object()) {
    return nothing;
  }
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

/// The same where it is text, unchanged; empty where it is not.
inline std::string text_in(const nlohmann::json& object, std::string_view key) {
  const nlohmann::json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace omnisandbox::docker
