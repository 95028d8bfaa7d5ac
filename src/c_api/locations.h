#pragma once

#include <string>

namespace omnisandbox::c_api {

/// A program of OmniSandbox's own where it lies relative to this library: in libexec/omnisandbox of
/// the prefix that the library is installed in, or in bin of the build. Empty where it is not
/// there. Whoever starts it checks that nobody else may have written it.
std::string program_near_library(const std::string& name);
/// The same for the folder of compiled interpreters.
std::string interpreters_near_library();

}  // namespace omnisandbox::c_api
