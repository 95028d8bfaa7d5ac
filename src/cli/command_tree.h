#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <string_view>

#include "cli/options.h"

namespace omnisandbox::cli {

/// How many operands a command takes, and whether everything after the first belongs to the target.
struct OperandRule {
  std::string_view command;  ///< as in Options::command
  std::size_t min_count = 0;
  std::size_t max_count = 0;
  bool rest_is_for_target = false;  ///< `run`, `call exec_run`: later options are the target's own
};

/// Null for a command that only groups others, and for an unknown one.
const OperandRule* operand_rule(std::string_view command);

/// The commands, their options and their help. The options write into `options`, which must outlive
/// the tree. Operands are declared for the help only: the command line takes them out before.
std::unique_ptr<CLI::App> make_command_tree(Options& options);

/// What --help prints.
std::string help_text(const CLI::App& app);

/// The app's name with its parents', as in Options::command; empty for the root.
std::string command_name(const CLI::App& app);

}  // namespace omnisandbox::cli
