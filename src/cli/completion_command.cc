#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace omnisandbox::cli {
namespace {

/// A command ("" for none, "policy explain", …) and the words that may follow it.
using Words = std::vector<std::pair<std::string, std::vector<std::string>>>;

void collect(const CLI::App& app, const std::vector<std::string>& inherited, Words& words) {
  std::vector<std::string> options = inherited;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") {
        options.push_back("--" + name);
      }
    }
  }
  std::vector<std::string> own = options;
  own.emplace_back("--help");
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) {
    own.push_back(command->get_name());
  }
  const std::string name = command_name(app);
  if (name == "policy explain") {
    own.insert(own.end(), {"fs_read", "fs_write", "net_http", "exec_run"});
  } else if (name == "completion") {
    own.insert(own.end(), {"bash", "zsh", "fish"});
  }
  words.emplace_back(name, std::move(own));
  for (const CLI::App* command : commands) {
    collect(*command, options, words);
  }
}

Words all_words() {
  Options options;
  const auto root = make_command_tree(options);
  Words words;
  collect(*root, {}, words);
  return words;
}

// The words before the cursor that are no options name the command; files complete everywhere else.
std::string bash_script() {
  std::string cases;
  std::vector<std::string> commands;
  for (const auto& [command, words] : all_words()) {
    if (!command.empty()) {
      commands.push_back(fmt::format("'{}'", command));
    }
    cases += fmt::format("    '{}') words='{}' ;;\n", command, fmt::join(words, " "));
  }
  return R"(# bash completion for omnisandbox
_omnisandbox() {
  local current=${COMP_WORDS[COMP_CWORD]} command= word words= next
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="${command:+$command }$word"
    case "$next" in
      )" +
         fmt::format("{}", fmt::join(commands, "|")) +
         R"() command=$next ;;
    esac
  done
  case "$command" in
)" + cases +
         R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _omnisandbox omnisandbox
)";
}

std::string zsh_script() {
  return "#compdef omnisandbox\n# zsh completion for omnisandbox, by the bash functions that zsh "
         "brings along\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_script();
}

std::string fish_script() {
  std::string script = "# fish completion for omnisandbox\n";
  for (const auto& [command, words] : all_words()) {
    std::string condition = "__fish_use_subcommand";
    if (!command.empty()) {
      condition.clear();
      std::istringstream parts(command);
      for (std::string part; parts >> part;) {
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + part);
      }
    }
    script +=
        fmt::format("complete -c omnisandbox -n '{}' -a '{}'\n", condition, fmt::join(words, " "));
  }
  return script;
}

}  // namespace

int completion_command(const Options& options) {
  constexpr std::array shells = {std::pair{"bash", &bash_script}, std::pair{"zsh", &zsh_script},
                                 std::pair{"fish", &fish_script}};
  for (const auto& [name, script] : shells) {
    if (options.operands.front() == name) {
      return print(script()) ? exit_ok : exit_call_failed;
    }
  }
  return report_usage_error(
      fmt::format("there is no completion for \"{}\"; the shells are bash, zsh and fish",
                  base::printable(options.operands.front())),
      options.json);
}

}  // namespace omnisandbox::cli
