#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/module_exports.h"

/// How the tools of a component are called.
namespace omnisandbox::mcp {

/// The name that a file's gives: what no client takes becomes "_". Errors: `invalid_argument` for
/// one that is empty, or too long.
Expected<std::string> tool_name(std::string_view stem);

/// What can be called of a component.
struct CallableFunction {
  std::string tool;         ///< the tool's name
  bool is_command = false;  ///< it is the whole program: wasi:cli/run
  ExportedFunction function;
};

struct CallableFunctions {
  std::vector<CallableFunction> functions{};
  std::vector<std::string> problems{};  ///< what is left out, and why; safe to print
};

/// A component with one function is the tool `name`, one with several is a tool `name_function`
/// each. What WASI has the component export for its host is none of them, but for a program's main
/// function.
CallableFunctions callable_functions(const std::string& name,
                                     std::vector<ExportedFunction> exported);

}  // namespace omnisandbox::mcp
