#pragma once

#include <string>

namespace omnisandbox::wasm::interpreter {

/// Where the compiled interpreters are: in `asked_for` where that is not empty, else beside the
/// running program, else where this build installs them.
std::string interpreter_folder(const std::string& asked_for);

}  // namespace omnisandbox::wasm::interpreter
