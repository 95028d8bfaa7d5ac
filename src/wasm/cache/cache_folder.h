#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/cache/cache_secret.h"

/// What makes a cache folder trustworthy: it, and what lies in it, are this user's alone.
namespace omnisandbox::wasm {

/// Opens `path` (absolute), making it with mode 0700, and its parent, where they are missing. Its
/// last component may not be a link. `unavailable` unless it belongs to this user and gives no
/// right to anybody else.
Expected<linux_::Fd> open_private_folder(const std::string& path);

/// Holds a file in such a folder to the same. `unavailable` otherwise.
Expected<void> check_private_file(const struct stat& status);

// No policy opens files that begin like this, wherever they lie: see built_in_secrets.cc.
inline constexpr std::string_view cache_secret_name = "omnisandbox-cache.key";

/// The folder's key, made at its first use. One that cannot be trusted, or has the wrong length, is
/// replaced, which makes all entries worthless.
Expected<CacheSecret> secret_of(const linux_::Fd& folder);

// A file's name while it is written; one that is left behind belongs to a process that died.
inline constexpr std::string_view unfinished_beginning = "unfinished-";

/// Writes the file `name`, or replaces it at once. Nothing of it is left on failure.
Expected<void> place_private_file(const linux_::Fd& folder, std::string_view name,
                                  std::span<const std::byte> content);

/// Sets the file's mtime, from time to time: what was unused longest is removed first.
void note_use(const linux_::Fd& file, const struct stat& status);

}  // namespace omnisandbox::wasm
