#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.h"

/// What the options of several commands are made with.
namespace omnisandbox::cli {

/// An option with a text that must not be empty: an empty name of a policy or a log is a variable
/// that was not set.
CLI::Option* add_text(CLI::App& app, const std::string& names, const std::string& type,
                      const std::function<void(const std::string&)>& take, const std::string& help);

/// An option that may be given several times, with one value each.
CLI::Option* add_repeated(CLI::App& app, const std::string& names, const std::string& type,
                          const std::function<void(const std::string&)>& take,
                          const std::string& help);

/// Options of `call` and `policy` may stand before or after the function's name, but not twice:
/// which one counts?
template <class T>
void set_once(std::optional<T>& value, T written, const std::string& name) {
  if (value) {
    throw CLI::ValidationError(name, "is given twice");
  }
  value = std::move(written);
}

/// A choice among names; CLI11 shows them in the help and refuses others.
template <class T>
void add_choice(CLI::App& app, const std::string& name, const std::string& help,
                const std::vector<std::pair<std::string, T>>& choices,
                const std::function<void(T)>& take) {
  std::string names;
  for (const auto& [text, value] : choices) {
    names += (names.empty() ? "" : "|") + text;
  }
  add_text(
      app, name, names,
      [name, names, choices, take](const std::string& text) {
        for (const auto& [known, value] : choices) {
          if (known == text) {
            return take(value);
          }
        }
        throw CLI::ValidationError(name, "\"" + text + "\" is none of " + names);
      },
      help);
}

// --json, --policy, --timeout, --audit and --audit-files.
void add_json(CLI::App& app, Options& options);
void add_policy(CLI::App& app, Options& options);
void add_bounds(CLI::App& app, Options& options);

/// For the help only: operands are taken out before CLI11 sees the arguments.
void show_operand(CLI::App& app, const std::string& name, const std::string& help);

// Commands that stand in files of their own.
void add_audit_commands(CLI::App& root, Options& options);
void add_mcp(CLI::App& root, Options& options);

}  // namespace omnisandbox::cli
