#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"

/// The files of a folder of tools: NAME.wasm, and beside it NAME.policy.yaml and
/// NAME.description.txt.
namespace omnisandbox::mcp {

/// Tells one state of a file from another: whoever writes to it changes its ctime.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};

struct ComponentFiles {
  std::string stem;  ///< NAME; any bytes
  FileStamp component;
  std::optional<FileStamp> policy{};
  std::optional<FileStamp> description{};
  bool operator==(const ComponentFiles&) const = default;

  std::string component_name() const { return stem + ".wasm"; }
  std::string policy_name() const { return stem + ".policy.yaml"; }
  std::string description_name() const { return stem + ".description.txt"; }
};

struct FolderLook {
  std::vector<ComponentFiles> components{};  ///< by name, at most `max_components`
  std::vector<std::string> problems{};       ///< safe to print
};

/// What is in the folder now; nothing is opened. Errors: no such folder, one that others may write
/// to, too many entries.
Expected<FolderLook> look_at(const std::string& folder);

/// The content of a file of the folder, which must be the one that was looked at. Never follows a
/// symbolic link, never blocks. Errors: `invalid_argument` for what is no regular file, or one that
/// others may write to; `io` where it has changed; `too_large`; `not_found`.
Expected<std::string> read_folder_file(const std::string& folder, const std::string& name,
                                       const FileStamp& stamp, std::uint64_t max_bytes);

}  // namespace omnisandbox::mcp
