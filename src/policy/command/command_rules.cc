#include "policy/command/command_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "policy/command/absent_command.h"
#include "policy/command/argument_patterns.h"
#include "policy/command/command_finder.h"

namespace omnisandbox::policy {
namespace {

// Of a name or an argument in a message.
constexpr std::size_t max_shown_bytes = 100;

std::string shown(std::string_view text) { return base::printable(text, max_shown_bytes); }

struct CompiledRule {
  explicit CompiledRule(const CommandRule& source) : rule(source) {}

  CommandRule rule;
  std::size_t index = 0;
  std::string text;                          // for people: `allowed_commands[2] "git status"`
  const ResolvedCommand* command = nullptr;  // null: "*", or see `problem`
  std::string problem;                       // why there is no file: a sentence for denials
  ArgumentPatterns patterns;

  // Empty when the arguments are allowed.
  std::string problem_of(std::span<const std::string> args) const {
    if (args.size() < rule.args.size() ||
        !std::equal(rule.args.begin(), rule.args.end(), args.begin())) {
      return fmt::format("the arguments must begin with: {}",
                         shown(fmt::format("{}", fmt::join(rule.args, " "))));
    }
    if (patterns.empty()) {
      return {};
    }
    for (const std::string& argument : args.subspan(rule.args.size())) {
      if (!patterns.match(argument)) {
        return fmt::format("the argument \"{}\" matches none of the rule's patterns",
                           shown(argument));
      }
    }
    return {};
  }
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// The rules of one command, in the order of the Config. A thousand rules "git SUBCOMMAND" are found
// by their subcommand.
class RuleGroup {
 public:
  void add(const CompiledRule* rule) {
    std::vector<const CompiledRule*>& list =
        rule->rule.args.empty() ? any_arguments_ : by_first_argument_[rule->rule.args[0]];
    if (list.empty() || list.back() != rule) {
      list.push_back(rule);
    }
    last_ = rule;
  }

  // Of "*": null.
  const ResolvedCommand* command() const { return last_->command; }

  // The first listed of the rules that allow; null when none does, and then `refusing` and
  // `problem` tell of one.
  const CompiledRule* find(std::span<const std::string> args, const CompiledRule*& refusing,
                           std::string& problem) const {
    const CompiledRule* best = nullptr;
    const auto try_all = [&](const std::vector<const CompiledRule*>& rules) {
      for (const CompiledRule* rule : rules) {
        if (best != nullptr && best->index < rule->index) {
          return;
        }
        std::string found = rule->problem_of(args);
        if (found.empty()) {
          best = rule;
          return;
        }
        refusing = rule;
        problem = std::move(found);
      }
    };
    try_all(any_arguments_);
    if (!args.empty() && !by_first_argument_.empty()) {
      if (const auto list = by_first_argument_.find(args[0]); list != by_first_argument_.end()) {
        try_all(list->second);
      }
    }
    if (best == nullptr && refusing == nullptr) {
      refusing = last_;
      problem = last_->problem_of(args);
    }
    return best;
  }

 private:
  std::vector<const CompiledRule*> any_arguments_;
  TextMap<std::vector<const CompiledRule*>> by_first_argument_;
  const CompiledRule* last_ = nullptr;
};

std::string text_of(const CommandRule& rule, std::size_t index) {
  std::string words = rule.command;
  for (const std::string& argument : rule.args) {
    words += " " + argument;
  }
  return fmt::format("allowed_commands[{}] \"{}\"", index, shown(words));
}

CommandAnswer refused(std::string_view rule, std::string reason) {
  return CommandAnswer{.rule = rule, .reason = std::move(reason)};
}

FurtherRule further_rule_for(std::string_view command, bool needs_file) {
  if (command == "*") {
    return FurtherRule::is_no_help;  // a rule of that name means every command, and no file
  }
  return needs_file && command.front() == '/' ? FurtherRule::allows_trusted_file
                                              : FurtherRule::allows;
}

// Where there are no rules at all.
CommandAnswer refused_by_empty_list(std::string_view command, bool needs_file) {
  CommandAnswer answer = refused({}, "allowed_commands lists nothing");
  if (problem_of_command_name(command).empty()) {
    answer.further_rule = further_rule_for(command, needs_file);
  }
  return answer;
}

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string problem_of_call(std::string_view command, std::span<const std::string> args) {
  if (std::string problem = problem_of_command_name(command); !problem.empty()) {
    return fmt::format("\"{}\" is no command: {}", shown(command), problem);
  }
  for (std::size_t index = 0; index < args.size(); ++index) {
    if (args[index].find('\0') != std::string::npos) {
      return fmt::format("argument {} contains a NUL byte", index + 1);
    }
  }
  return {};
}

}  // namespace

struct CommandRules::Index {
  std::vector<std::unique_ptr<CompiledRule>> rules;  // unique_ptr: the groups point at them
  TextMap<RuleGroup> by_spelling;                    // each name and path of a listed command
  TextMap<RuleGroup> by_written_name;                // the rule's own text only
  std::optional<RuleGroup> everything;               // of "*"
  std::optional<CommandFinder> finder;               // kept where "*" makes later lookups necessary

  CommandAnswer judge(const TextMap<RuleGroup>& named, std::string_view command,
                      std::span<const std::string> args) const;
  std::string reason_for_unlisted(std::string_view command) const;
};

CommandRules::CommandRules() = default;
CommandRules::~CommandRules() = default;
CommandRules::CommandRules(CommandRules&&) noexcept = default;
CommandRules& CommandRules::operator=(CommandRules&&) noexcept = default;

namespace {

Expected<std::unique_ptr<CompiledRule>> compile_rule(const CommandRule& rule, std::size_t index) {
  const std::string where = fmt::format("allowed_commands[{}]", index);
  if (const std::string problem = problem_of_command_name(rule.command); !problem.empty()) {
    return base::make_error(ErrorKind::invalid_argument, "{} \"{}\": {}", where,
                            shown(rule.command), problem);
  }
  for (const std::string& argument : rule.args) {
    if (argument.find('\0') != std::string::npos) {
      return base::make_error(ErrorKind::invalid_argument, "{}: an argument contains a NUL byte",
                              where);
    }
  }
  auto compiled = std::make_unique<CompiledRule>(rule);
  compiled->index = index;
  compiled->text = text_of(rule, index);
  compiled->patterns = TRY(ArgumentPatterns::compile(rule.arg_globs, rule.arg_regexes, where));
  return compiled;
}

// What was found for one name; shared by all rules that write it.
struct NamedCommand {
  const ResolvedCommand* command = nullptr;
  std::vector<std::string> spellings;
  std::string problem;
};

void warn(const CommandFinder::Finding& finding, const CompiledRule& rule,
          std::vector<PolicyWarning>& warnings) {
  const std::string where = fmt::format("allowed_commands[{}]", rule.index);
  const std::string name = shown(rule.rule.command);
  switch (finding.state) {
    case CommandFinder::Finding::State::absent:
      warnings.push_back(
          {.where = where,
           .message = fmt::format("{} is absent{}", name,
                                  name.starts_with('/')
                                      ? std::string()
                                      : fmt::format(" from {}", CommandRules::search_path)),
           .advice = "install it, write the absolute path, or take the rule out; until then it is "
                     "refused"});
      break;
    case CommandFinder::Finding::State::untrusted:
      warnings.push_back({.where = where,
                          .message = fmt::format("{} is refused: {}", name, finding.problem),
                          .advice = "a command and each folder above it belong to root or to the "
                                    "user, and neither others nor the "
                                    "policy can write them; list one that is so"});
      break;
    case CommandFinder::Finding::State::found:
      if (!finding.problem.empty()) {
        warnings.push_back(
            {.where = where,
             .message = fmt::format("{} is {}; another one was passed over: {}", name,
                                    shown(finding.command.path), finding.problem),
             .advice = "write the absolute path to say which one is meant"});
      }
      break;
  }
}

// Whether a caller who writes only the last part of a listed absolute path means the same file.
Expected<bool> is_found_by_bare_name(const CommandFinder& finder, const ResolvedCommand& command) {
  if (!command.name.starts_with('/')) {
    return false;
  }
  const CommandFinder::Finding finding = TRY(finder.find(last_component(command.name)));
  return finding.state == CommandFinder::Finding::State::found &&
         finding.command.device == command.device && finding.command.inode == command.inode;
}

}  // namespace

Expected<CommandRules> CommandRules::compile(const Config& config,
                                             std::span<const std::string> writable_roots,
                                             std::vector<PolicyWarning>& warnings) {
  CommandRules result;
  if (config.allowed_commands.empty()) {
    return result;
  }
  result.index_ = std::make_unique<Index>();
  Index& own = *result.index_;
  CommandFinder finder = TRY(CommandFinder::create(config, writable_roots));
  TextMap<NamedCommand> named;
  for (std::size_t position = 0; position < config.allowed_commands.size(); ++position) {
    own.rules.push_back(TRY(compile_rule(config.allowed_commands[position], position)));
    CompiledRule& rule = *own.rules.back();
    const std::string& name = rule.rule.command;
    if (name == "*") {
      if (!own.everything) {
        own.everything.emplace();
      }
      own.everything->add(&rule);
      continue;
    }
    const auto [known, is_new] = named.try_emplace(name);
    if (is_new) {
      CommandFinder::Finding finding = TRY(finder.find(name));
      warn(finding, rule, warnings);
      if (finding.state == CommandFinder::Finding::State::found) {
        finding.command.name = name;
        result.commands_.push_back(std::make_unique<ResolvedCommand>(std::move(finding.command)));
        known->second.command = result.commands_.back().get();
        known->second.spellings = std::move(finding.spellings);
        if (TRY(is_found_by_bare_name(finder, *known->second.command))) {
          known->second.spellings.emplace_back(last_component(name));
        }
      } else {
        known->second.problem =
            finding.state == CommandFinder::Finding::State::absent
                ? std::string(absent_command_reason)
                : fmt::format("the command is listed but not trusted: {}", finding.problem);
      }
      known->second.spellings.push_back(name);
    }
    rule.command = known->second.command;
    rule.problem = known->second.problem;
    own.by_written_name[name].add(&rule);
    for (const std::string& spelling : known->second.spellings) {
      own.by_spelling[spelling].add(&rule);
    }
  }
  if (own.everything) {
    own.finder = std::move(finder);
  }
  return result;
}

std::string CommandRules::Index::reason_for_unlisted(std::string_view command) const {
  const std::string_view name = last_component(command);
  if (name.size() != command.size()) {
    if (const auto same_name = by_spelling.find(name); same_name != by_spelling.end()) {
      return fmt::format("{} is listed, but {} is not the file that it stands for", shown(name),
                         shown(command));
    }
  }
  return fmt::format("{} is not listed in allowed_commands", shown(command));
}

CommandAnswer CommandRules::Index::judge(const TextMap<RuleGroup>& named, std::string_view command,
                                         std::span<const std::string> args) const {
  if (std::string problem = problem_of_call(command, args); !problem.empty()) {
    return refused({}, std::move(problem));
  }
  const bool needs_file = &named == &by_spelling;
  const CompiledRule* refusing = nullptr;
  std::string problem;
  // A second rule for the same name finds the same file, or none.
  bool has_file = true;
  if (const auto group = named.find(command); group != named.end()) {
    has_file = !needs_file || group->second.command() != nullptr;
    if (const CompiledRule* rule = group->second.find(args, refusing, problem)) {
      if (!needs_file || rule->command != nullptr) {
        return CommandAnswer{.allowed = true,
                             .command = rule->command,
                             .options = &rule->rule,
                             .rule = rule->text,
                             .reason = {}};
      }
      refusing = rule;
      problem = rule->problem;
    }
  }
  if (everything) {
    const CompiledRule* refusing_star = nullptr;
    std::string problem_of_star;
    if (const CompiledRule* rule = everything->find(args, refusing_star, problem_of_star)) {
      return CommandAnswer{.allowed = true,
                           .command = nullptr,
                           .options = &rule->rule,
                           .rule = rule->text,
                           .reason = {}};
    }
    if (refusing == nullptr) {
      refusing = refusing_star;
      problem = std::move(problem_of_star);
    }
  }
  CommandAnswer answer = refusing != nullptr ? refused(refusing->text, std::move(problem))
                                             : refused({}, reason_for_unlisted(command));
  answer.arguments_decided = refusing != nullptr;
  answer.further_rule = has_file ? further_rule_for(command, needs_file) : FurtherRule::is_no_help;
  return answer;
}

CommandAnswer CommandRules::judge(std::string_view command,
                                  std::span<const std::string> args) const {
  if (index_ == nullptr) {
    return refused_by_empty_list(command, true);
  }
  return index_->judge(index_->by_spelling, command, args);
}

CommandAnswer CommandRules::judge_by_name(std::string_view command,
                                          std::span<const std::string> args) const {
  if (index_ == nullptr) {
    return refused_by_empty_list(command, false);
  }
  CommandAnswer answer = index_->judge(index_->by_written_name, command, args);
  answer.command = nullptr;  // the host's file has nothing to do with the container's
  return answer;
}

Expected<ResolvedCommand> CommandRules::resolve_trusted_command(std::string_view command) const {
  if (index_ == nullptr || !index_->finder) {
    return base::make_error(ErrorKind::internal,
                            "no \"*\" rule of allowed_commands could have allowed {}",
                            shown(command));
  }
  if (const std::string problem = problem_of_command_name(command); !problem.empty()) {
    return base::make_error(ErrorKind::invalid_argument, "\"{}\" is no command: {}", shown(command),
                            problem);
  }
  CommandFinder::Finding finding = TRY(index_->finder->find(command));
  switch (finding.state) {
    case CommandFinder::Finding::State::found:
      finding.command.name = std::string(command);
      return std::move(finding.command);
    case CommandFinder::Finding::State::absent:
      return base::make_error(ErrorKind::not_found, "there is no command {}", shown(command));
    case CommandFinder::Finding::State::untrusted:
      break;
  }
  return Error::from_denial(
      Denial{.capability = Capability::exec_run,
             .resource = std::string(command),
             .rule = "allowed_commands \"*\"",
             .reason = fmt::format("the command is not trusted: {}", finding.problem),
             .remedy = {}});
}

bool CommandRules::star_covers(const ResolvedCommand& command) const {
  return index_ != nullptr && index_->finder && !index_->finder->policy_can_write(command.path);
}

}  // namespace omnisandbox::policy
