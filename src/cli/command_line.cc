#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "cli/command_tree.h"
#include "runner/suggestion.h"

namespace omnisandbox::cli {
namespace {

using Arguments = std::span<const std::string>;

std::string did_you_mean(std::string_view written, const std::vector<std::string>& known) {
  const std::string nearest = runner::nearest_word(written, known);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

std::string see_help(const CLI::App& app) {
  const std::string command = command_name(app);
  return fmt::format("see omnisandbox {}{}--help", command, command.empty() ? "" : " ");
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    names.push_back(command->get_name());
  }
  return names;
}

/// For arguments that make no sense, so that nobody can tell options from the target's own: is
/// --json among them?
bool mentions_json(Arguments arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::find(arguments.begin(), end, "--json") != end;
}

/// The arguments taken apart: what CLI11 converts (command names and options), and the operands,
/// which it must not touch.
class Splitter {
 public:
  explicit Splitter(CLI::App& root) : app_(&root) {}

  void split(Arguments arguments) {
    for (std::size_t index = 0; index < arguments.size(); ++index) {
      const std::string& argument = arguments[index];
      if (argument == "--") {
        take_rest(arguments.subspan(index + 1));
        return;
      }
      if (argument.size() > 1 && argument.front() == '-') {
        index += take_option(arguments.subspan(index));
      } else if (!app_->get_subcommands({}).empty()) {
        if (!enter_command(argument)) {
          return;
        }
      } else if (rest_is_for_target()) {
        take_rest(arguments.subspan(index));
        return;
      } else {
        operands_.push_back(argument);
      }
    }
  }

  const CLI::App& app() const { return *app_; }
  const std::vector<std::string>& for_cli11() const { return for_cli11_; }
  std::vector<std::string>& operands() { return operands_; }
  const std::optional<std::string>& problem() const { return problem_; }
  bool help() const { return help_; }

 private:
  bool rest_is_for_target() const {
    const OperandRule* rule = operand_rule(command_name(*app_));
    return rule != nullptr && rule->rest_is_for_target;
  }

  void take_rest(Arguments rest) { operands_.insert(operands_.end(), rest.begin(), rest.end()); }

  void report(std::string problem) {
    if (!problem_) {
      problem_ = std::move(problem);
    }
  }

  bool enter_command(const std::string& name) {
    for (CLI::App* command : app_->get_subcommands({})) {
      if (command->get_name() == name) {
        for_cli11_.push_back(name);
        app_ = command;
        return true;
      }
    }
    const std::vector<std::string> known = command_names(*app_);
    const std::string parent = command_name(*app_);
    report(fmt::format("unknown command \"{}{}{}\"{}; the commands are {}", parent,
                       parent.empty() ? "" : " ", base::printable(name), did_you_mean(name, known),
                       fmt::join(known, ", ")));
    return false;
  }

  /// The option of this command, or of one that it belongs to.
  const CLI::Option* find(const std::string& name) const {
    for (const CLI::App* app = app_; app != nullptr; app = app->get_parent()) {
      if (const CLI::Option* option = app->get_option_no_throw(name)) {
        return option;
      }
    }
    return nullptr;
  }

  std::vector<std::string> known_options() const {
    std::vector<std::string> known;
    for (const CLI::App* app = app_; app != nullptr; app = app->get_parent()) {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& name : option->get_lnames()) {
          known.push_back("--" + name);
        }
      }
    }
    return known;
  }

  /// How many arguments after the first belong to this option as well.
  std::size_t take_option(Arguments arguments) {
    const std::string& argument = arguments.front();
    const bool is_long = argument.starts_with("--");
    const std::string name =
        is_long ? argument.substr(0, argument.find('=')) : argument.substr(0, 2);
    help_ = help_ || name == "--help" || name == "-h";
    const CLI::Option* option = find(name);
    if (option == nullptr) {
      const std::string command = command_name(*app_);
      report(fmt::format("unknown option {}{}{}; {}", base::printable(name),
                         command.empty() ? "" : " of " + command,
                         did_you_mean(name, known_options()), see_help(*app_)));
      return 0;
    }
    std::optional<std::string> value;
    std::size_t taken = 0;
    if (argument.size() > name.size()) {
      value = argument.substr(name.size() + (is_long ? 1 : 0));
    } else if (option->get_items_expected_max() > 0 && arguments.size() > 1) {
      value = arguments[1];
      taken = 1;
    }
    const bool needs_value = option->get_items_expected_max() > 0;
    if (needs_value != value.has_value()) {
      report(needs_value ? fmt::format("{} needs a value: {}; {}", name, option->get_type_name(),
                                       see_help(*app_))
                         : fmt::format("{} takes no value; {}", name, see_help(*app_)));
      return taken;
    }
    // Name and value apart: CLI11 then takes the value as it is, also an empty one or one that
    // begins with "-".
    for_cli11_.push_back(name);
    if (value) {
      for_cli11_.push_back(*std::move(value));
    }
    return taken;
  }

  CLI::App* app_;
  std::vector<std::string> for_cli11_;
  std::vector<std::string> operands_;
  std::optional<std::string> problem_;
  bool help_ = false;
};

std::optional<std::string> problem_with_operands(const CLI::App& app,
                                                 const std::vector<std::string>& operands) {
  const OperandRule* rule = operand_rule(command_name(app));
  if (rule == nullptr) {
    return fmt::format("a command is missing; the commands are {}; {}",
                       fmt::join(command_names(app), ", "), see_help(app));
  }
  if (operands.size() > rule->max_count) {
    return fmt::format("{} takes no further argument: {}; {}", rule->command,
                       base::printable(operands[rule->max_count]), see_help(app));
  }
  if (operands.size() < rule->min_count) {
    const auto options =
        app.get_options([](const CLI::Option* option) { return option->get_positional(); });
    return fmt::format("{} needs {}; {}", rule->command,
                       options.at(operands.size())->get_name(true), see_help(app));
  }
  const auto named = operands.begin() + static_cast<std::ptrdiff_t>(rule->min_count);
  if (std::any_of(operands.begin(), named, [](const std::string& text) { return text.empty(); })) {
    return fmt::format("{} was given an empty argument; {}", rule->command, see_help(app));
  }
  return std::nullopt;
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  Options options;
  const auto root = make_command_tree(options);
  Splitter splitter(*root);
  splitter.split(arguments);
  if (splitter.help()) {
    return HelpText{help_text(splitter.app())};
  }
  auto problem = splitter.problem();
  if (!problem) {
    problem = problem_with_operands(splitter.app(), splitter.operands());
  }
  if (problem) {
    return UsageError{*std::move(problem), mentions_json(arguments)};
  }
  std::vector<std::string> reversed(splitter.for_cli11().rbegin(), splitter.for_cli11().rend());
  try {
    root->parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return UsageError{
        fmt::format("{}; {}", base::printable(error.what()), see_help(splitter.app())),
        mentions_json(arguments)};
  }
  options.command = command_name(splitter.app());
  options.operands = std::move(splitter.operands());
  return options;
}

}  // namespace omnisandbox::cli
