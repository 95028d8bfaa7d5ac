#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/options.h"

namespace omnisandbox::cli {

/// `--help` was asked for: the text to print.
struct HelpText {
  std::string text;
};

/// The arguments make no sense. `json`: whether the answer must be a JSON object all the same.
struct UsageError {
  std::string message;
  bool json = false;
};

using ParsedCommandLine = std::variant<Options, HelpText, UsageError>;

/// `arguments` without the program's name. Has no effect but to read them.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace omnisandbox::cli
