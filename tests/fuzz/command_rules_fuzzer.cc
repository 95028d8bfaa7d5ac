// A list of commands allows only names that it lists, whatever is asked; a glob matches as its
// definition says; and no pattern or name breaks the rules. The input is lines: the command, a
// glob, an expression, then arguments.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "policy/command/argument_patterns.h"
#include "policy/command/command_finder.h"
#include "policy/command/command_rules.h"

namespace {

using omnisandbox::CommandRule;
using omnisandbox::Config;
using omnisandbox::policy::ArgumentPatterns;
using omnisandbox::policy::CommandAnswer;
using omnisandbox::policy::CommandRules;

void require(bool condition, const char* property, std::string_view input) {
  if (condition) {
    return;
  }
  std::fprintf(stderr, "%s: %.*s\n", property, static_cast<int>(input.size()), input.data());
  std::abort();
}

std::vector<std::string> lines_of(std::string_view text) {
  constexpr std::size_t max_lines = 16;
  std::vector<std::string> lines;
  while (lines.size() < max_lines) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + 1);
  }
  return lines;
}

CommandRules compile(std::vector<CommandRule> rules) {
  std::vector<omnisandbox::PolicyWarning> warnings;
  auto compiled = CommandRules::compile(Config{.allowed_commands = std::move(rules)}, {}, warnings);
  require(compiled.has_value(), "the fixed rules compile", "");
  return std::move(*compiled);
}

// Globs of "*" and ASCII letters alone, by definition: each "*" stands for any part.
bool matches_by_definition(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t in_glob = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (at < text.size()) {
    if (in_glob < glob.size() && glob[in_glob] == '*') {
      star = in_glob++;
      star_text = at;
    } else if (in_glob < glob.size() && glob[in_glob] == text[at]) {
      ++in_glob;
      ++at;
    } else if (star != std::string_view::npos) {
      in_glob = star + 1;
      at = ++star_text;
    } else {
      return false;
    }
  }
  while (in_glob < glob.size() && glob[in_glob] == '*') {
    ++in_glob;
  }
  return in_glob == glob.size();
}

void check_name(const std::string& command, const std::vector<std::string>& args) {
  static const CommandRules listed = compile({"ls", "/usr/bin/env", CommandRule("cat", {"-n"})});
  static const std::set<std::string> spellings = {"ls",  "/usr/bin/ls",  "/bin/ls",
                                                  "env", "/usr/bin/env", "/bin/env",
                                                  "cat", "/usr/bin/cat", "/bin/cat"};
  static const CommandRules star = compile({"*"});
  const CommandAnswer answer = listed.judge(command, args);
  require(!answer.allowed || spellings.contains(command), "only listed names are allowed", command);
  require(!answer.allowed || answer.command != nullptr, "a listed name has its file", command);
  require(answer.allowed == answer.reason.empty(), "a refusal has a reason, and only a refusal",
          command);
  const bool is_cat = command.ends_with("cat");
  require(!answer.allowed || !is_cat || (!args.empty() && args[0] == "-n"),
          "the first arguments are held", command);
  const CommandAnswer by_name = listed.judge_by_name(command, args);
  require(!by_name.allowed || command == "ls" || command == "/usr/bin/env" || command == "cat",
          "containers match the text", command);
  const CommandAnswer any = star.judge(command, args);
  const bool is_name = omnisandbox::policy::problem_of_command_name(command).empty();
  require(!any.allowed || is_name, "\"*\" allows names of commands only", command);
  if (any.allowed && command.size() < 256) {
    const auto resolved = star.resolve_trusted_command(command);
    require(!resolved || resolved->path.starts_with('/'), "a resolved path is absolute", command);
    require(!resolved || resolved->handle.is_open(), "a resolved command has its handle", command);
  }
}

void check_glob(const std::string& glob, const std::vector<std::string>& arguments) {
  const auto patterns = ArgumentPatterns::compile({glob}, {}, "rule");
  const bool is_plain =
      glob.find_first_not_of("*abcdefghijklmnopqrstuvwxyz/.-") == std::string::npos &&
      glob.size() < 1000;
  require(!is_plain || patterns.has_value(), "a plain glob compiles", glob);
  if (!patterns) {
    return;
  }
  for (const std::string& argument : arguments) {
    const bool matches = patterns->match(argument);
    require(!matches || omnisandbox::base::is_utf8(argument), "only UTF-8 matches", argument);
    if (is_plain && omnisandbox::base::is_utf8(argument)) {
      require(matches == matches_by_definition(glob, argument), "a glob matches as defined", glob);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string> lines =
      lines_of(std::string_view(reinterpret_cast<const char*>(data), size));
  std::vector<std::string> arguments(
      lines.begin() + (lines.size() > 3 ? 3 : static_cast<std::ptrdiff_t>(lines.size())),
      lines.end());
  check_name(lines[0], arguments);
  if (lines.size() > 1) {
    check_glob(lines[1], arguments);
  }
  if (lines.size() > 2) {
    if (const auto patterns = ArgumentPatterns::compile({}, {lines[2]}, "rule")) {
      for (const std::string& argument : arguments) {
        (void)patterns->match(argument);
      }
    }
  }
  return 0;
}
