#pragma once

#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

namespace omnisandbox::cli {

/// `path` beneath the working folder where it is relative. "." and ".." stay: the kernel follows
/// them when the path is used.
Expected<std::string> absolute_path(std::string_view path);

}  // namespace omnisandbox::cli
