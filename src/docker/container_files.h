#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "docker/container.h"
#include "docker/file_stream.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// Gives the next file or folder, a folder before what it holds; empty: there are no more.
using NextFile = std::function<Expected<std::optional<CopiedFile>>()>;

/// Makes files in a container that waits, with the rights of its user, at `path` and beneath. An
/// error of `next` ends it and is returned; what was made before stays. Errors: `io` with the path
/// inside and its reason; `timeout`, `cancelled` and `unavailable`, after which the container is
/// not in step.
Expected<void> copy_into(Container& container, const std::string& path, const NextFile& next,
                         const Patience& patience);

/// Reads the file or the folder at `path` in a container that waits, with the rights of its user;
/// returns how many entries were left out because they are neither files nor folders. Whatever
/// comes is judged as hostile. An error of `take` is returned, and nothing more is taken.
Expected<std::uint64_t> copy_from(Container& container, const std::string& path,
                                  const CopyLimits& limits, const FileStream::Take& take,
                                  const Patience& patience);

}  // namespace omnisandbox::docker
