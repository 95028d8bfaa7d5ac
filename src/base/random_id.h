#pragma once

#include <string>

namespace omnisandbox::base {

/// 16 lowercase hexadecimal digits from the kernel's random source; unique for all practical
/// purposes.
std::string random_id();

}  // namespace omnisandbox::base
