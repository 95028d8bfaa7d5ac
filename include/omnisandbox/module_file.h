#pragma once

#include <string>

namespace omnisandbox {

/// A module or a component in a regular file. With a module cache it is read where it must be only:
/// a file that was read before, and of which the kernel says that nobody has changed it since, is
/// neither read nor hashed again (docs/decisions/0012).
struct ModuleFile {
  std::string path;
  std::string sha256{};  ///< 64 lower-case digits that its content must have; empty: any
};

}  // namespace omnisandbox
