#include "policy/command/command_rules.h"

#include "base/error.h"

namespace omnisandbox::policy {

struct CommandRules::Index {};

CommandRules::CommandRules() = default;
CommandRules::~CommandRules() = default;
CommandRules::CommandRules(CommandRules&&) noexcept = default;
CommandRules& CommandRules::operator=(CommandRules&&) noexcept = default;

Expected<CommandRules> CommandRules::compile(const Config&, std::span<const std::string>,
                                             std::vector<PolicyWarning>&) {
  return CommandRules();
}

CommandAnswer CommandRules::judge(std::string_view, std::span<const std::string>) const {
  return {.rule = {}, .reason = "no rule lists this command"};
}

CommandAnswer CommandRules::judge_by_name(std::string_view, std::span<const std::string>) const {
  return {.rule = {}, .reason = "no rule lists this command"};
}

Expected<ResolvedCommand> CommandRules::resolve_trusted_command(std::string_view command) const {
  return base::make_error(ErrorKind::not_found, "no rule lists the command {}", base::printable(command));
}

}  // namespace omnisandbox::policy
