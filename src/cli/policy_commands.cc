#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_summary.h"
#include "cli/report.h"
#include "cli/resource_name.h"
#include "cli/terminal.h"
#include "runner/policy_json.h"
#include "runner/policy_source.h"
#include "runner/result_json.h"
#include "runner/suggestion.h"

namespace omnisandbox::cli {
namespace {

using runner::load_policy;
using runner::LoadedPolicy;
using runner::nearest_word;
using runner::policy_summary_json;
using runner::position_prefix;

constexpr std::string_view own_program_name = "omnisandbox";

Json warnings_json(const std::vector<PolicyWarning>& warnings, const PolicyFile& file) {
  Json json = Json::array();
  for (const PolicyWarning& warning : warnings) {
    Json entry = {
        {"where", warning.where}, {"message", warning.message}, {"advice", warning.advice}};
    if (const auto found = file.positions.find(warning.where); found != file.positions.end()) {
      entry["line"] = found->second.line;
      entry["column"] = found->second.column;
    }
    json.push_back(std::move(entry));
  }
  return json;
}

std::string warnings_text(const std::vector<PolicyWarning>& warnings, const PolicyFile& file,
                          const std::string& path, const Palette& palette) {
  std::string text;
  for (const PolicyWarning& warning : warnings) {
    text +=
        fmt::format("{}{} {}: {}; {}\n", position_prefix(file, path, warning.where),
                    palette.warning("warning:"), warning.where, warning.message, warning.advice);
  }
  return text;
}

int printed(bool worked, int exit_code) {
  return !worked && exit_code == exit_ok ? exit_call_failed : exit_code;
}

/// The resource as the policy judges it: words after the first belong to a command, a relative path
/// to the working folder.
Expected<std::string> resource_of(Capability capability, const std::vector<std::string>& words) {
  if (capability == Capability::fs_read || capability == Capability::fs_write) {
    if (words.size() > 1) {
      return base::make_error(ErrorKind::invalid_argument,
                              "{} takes one path; quote a path with spaces", to_string(capability));
    }
    return absolute_path(words.front());
  }
  return fmt::format("{}", fmt::join(words, " "));
}

std::string explanation_text(const Explanation& answer, const Palette& palette) {
  std::string text =
      fmt::format("{}: {} {}\n", answer.allowed ? palette.good("allowed") : palette.bad("denied"),
                  to_string(answer.capability), base::printable(answer.resource));
  text += fmt::format("  rule    {}\n", answer.rule.empty() ? "none matches" : answer.rule);
  text += fmt::format("  reason  {}\n", answer.reason);
  if (!answer.remedy.empty()) {
    text += fmt::format("  remedy  {}\n", answer.remedy);
  }
  return text;
}

}  // namespace

int policy_check_command(const Options& options) {
  const std::string& path = options.operands.front();
  const auto loaded = load_policy(path);
  if (!loaded) {
    return report_error(loaded.error(), exit_usage, options.json);
  }
  const auto& warnings = loaded->policy.warnings();
  const Config& config = loaded->policy.config();
  if (options.json) {
    Json json = {{"status", "ok"}, {"file", path}};
    json.update(policy_summary_json(config));
    json["warnings"] = warnings_json(warnings, loaded->file);
    return printed(print(to_line(json)), exit_ok);
  }
  const Palette palette(linux_::StandardStream::output);
  return printed(print(fmt::format("{}: {}\n{}{}", base::printable(path), palette.good("valid"),
                                   policy_summary(config, palette),
                                   warnings_text(warnings, loaded->file, path, palette))),
                 exit_ok);
}

int policy_lint_command(const Options& options) {
  const std::string& path = options.operands.front();
  const auto loaded = load_policy(path);
  if (!loaded) {
    return report_error(loaded.error(), exit_usage, options.json);
  }
  std::vector<PolicyWarning> findings = lint(loaded->file);
  const auto& warnings = loaded->policy.warnings();
  findings.insert(findings.end(), warnings.begin(), warnings.end());
  const int exit_code = findings.empty() ? exit_ok : exit_call_failed;
  if (options.json) {
    return printed(print(to_line({{"status", findings.empty() ? "ok" : "findings"},
                                  {"file", path},
                                  {"findings", warnings_json(findings, loaded->file)}})),
                   exit_code);
  }
  const Palette palette(linux_::StandardStream::output);
  return printed(print(findings.empty() ? fmt::format("{}: nothing to say\n", base::printable(path))
                                        : warnings_text(findings, loaded->file, path, palette)),
                 exit_code);
}

int policy_explain_command(const Options& options) {
  const std::string& name = options.operands.front();
  const auto capability = capability_from_string(name);
  if (!capability) {
    const std::vector<std::string> known = {"fs_read", "fs_write", "net_http", "exec_run"};
    const std::string nearest = nearest_word(name, known);
    return report_usage_error(
        fmt::format("\"{}\" is no capability; they are {}{}", base::printable(name),
                    fmt::join(known, ", "),
                    nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest)),
        options.json);
  }
  const auto resource = resource_of(
      *capability, std::vector<std::string>(options.operands.begin() + 1, options.operands.end()));
  if (!resource) {
    return report_error(resource.error(), exit_usage, options.json);
  }
  auto policy = options.policy_file
                    ? load_policy(*options.policy_file).map([](const LoadedPolicy& loaded) {
                        return loaded.policy;
                      })
                    : Policy::compile({});
  if (!policy) {
    return report_error(policy.error(), exit_usage, options.json);
  }
  Explanation answer = policy->explain(*capability, *resource);
  answer.resource = *resource;  // with a command's arguments, which matter as well
  const int exit_code = answer.allowed ? exit_ok : exit_denied;
  if (options.json) {
    return printed(print(to_line({{"allowed", answer.allowed},
                                  {"capability", to_string(answer.capability)},
                                  {"resource", answer.resource},
                                  {"rule", answer.rule},
                                  {"reason", answer.reason},
                                  {"remedy", answer.remedy}})),
                   exit_code);
  }
  const Palette palette(linux_::StandardStream::output);
  std::string text = explanation_text(answer, palette);
  if (!answer.allowed && !options.policy_file) {
    text += fmt::format(
        "  note    no policy was given, so nothing is allowed; name one: {} policy explain "
        "--policy FILE …\n",
        own_program_name);
  }
  return printed(print(text), exit_code);
}

int policy_schema_command(const Options&) {
  return printed(print(policy_file_schema() + "\n"), exit_ok);
}

}  // namespace omnisandbox::cli
