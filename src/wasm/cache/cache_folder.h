#pragma once

#include <sys/stat.h>

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/cache/cache_entry.h"

/// What makes a cache folder trustworthy: it, and what lies in it, are this user's alone.
namespace omnisandbox::wasm {

/// Opens `path` (absolute), making it with mode 0700, and its parent, where they are missing. Its
/// last component may not be a link. `unavailable` unless it belongs to this user and gives no
/// right to anybody else.
Expected<linux_::Fd> open_private_folder(const std::string& path);

/// Holds a file in such a folder to the same. `unavailable` otherwise.
Expected<void> check_private_file(const struct stat& status);

/// The folder's key, made at its first use. One that cannot be trusted, or has the wrong length, is
/// replaced, which makes all entries worthless.
Expected<CacheSecret> secret_of(const linux_::Fd& folder);

}  // namespace omnisandbox::wasm
