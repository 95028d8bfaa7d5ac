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

/// A value that is text, unchanged; empty where it is none.
inline std::string plain_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}
/// The same of what an object has under `key`.
inline std::string text_in(const nlohmann::json& object, std::string_view key) {
  return plain_text(member(object, key));
}

}  // namespace omnisandbox::docker
