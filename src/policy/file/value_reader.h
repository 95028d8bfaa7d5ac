#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/try.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy_file.h"
#include "policy/file/policy_keys.h"
#include "policy/file/yaml_tree.h"

namespace omnisandbox::policy {

/// Turns nodes into values of a key's type, and says precisely what is wrong where it cannot.
/// Collects positions.
class ValueReader {
 public:
  explicit ValueReader(std::string_view file_name) : file_name_(file_name) {}

  std::map<std::string, FilePosition, std::less<>> take_positions() {
    return std::move(positions_);
  }
  void note(const std::string& where, FilePosition position) {
    positions_.emplace(where, position);
  }

  Error error(FilePosition position, std::string_view message) const;
  /// "WHERE: found F, expected E".
  Error unexpected(const YamlNode& node, std::string_view where, std::string_view expected) const;
  Error unknown_key(const YamlNode& key, std::string_view where,
                    const std::vector<const Key*>& known) const;

  Expected<void> read_version(const YamlNode& node) const;
  Expected<bool> read_flag(const YamlNode& node, std::string_view where) const;
  /// Of the types count, byte_size and mebibytes, within the key's bounds.
  Expected<std::uint64_t> read_number(const Key& key, const YamlNode& node,
                                      std::string_view where) const;
  Expected<std::chrono::milliseconds> read_duration(const Key& key, const YamlNode& node,
                                                    std::string_view where) const;
  Expected<std::string> read_text(const Key& key, const YamlNode& node,
                                  std::string_view where) const;
  /// The index into `key.words`.
  Expected<std::size_t> read_word(const Key& key, const YamlNode& node,
                                  std::string_view where) const;
  Expected<std::vector<std::string>> read_text_list(const Key& key, const YamlNode& node,
                                                    std::string_view where);
  Expected<std::map<std::string, std::string>> read_text_map(const Key& key, const YamlNode& node,
                                                             std::string_view where) const;
  /// Checks that the node is a list within the key's bounds, and notes where its entries stand.
  Expected<void> check_list(const Key& key, const YamlNode& node, std::string_view where);

 private:
  std::string_view file_name_;
  std::map<std::string, FilePosition, std::less<>> positions_;
};

/// A number with its unit as the key's type has it: "16 MiB", "30s", "64".
std::string show_quantity(const Key& key, std::uint64_t value);
/// `text` as it can stand in YAML: in quotes where it must.
std::string yaml_spelling(std::string_view text);

}  // namespace omnisandbox::policy
