#pragma once

#include <string_view>

namespace omnisandbox {

/// "MAJOR.MINOR.PATCH" of the library in use.
std::string_view version() noexcept;

}  // namespace omnisandbox
