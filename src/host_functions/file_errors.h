#pragma once

#include <string_view>

#include "omnisandbox/error.h"

/// Errors of the file functions, which name the path as the caller wrote it.
namespace omnisandbox::host_functions {

Error file_error(ErrorKind kind, int system_errno, std::string_view path, std::string_view why);
/// What the system said while `doing` something with `path`.
Error file_error(std::string_view doing, std::string_view path, const Error& cause);

}  // namespace omnisandbox::host_functions
