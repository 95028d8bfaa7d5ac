#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/error.h"
#include "base/units.h"
#include "policy/limits.h"
#include "policy/lint.h"

namespace omnisandbox::policy {
namespace {

// Beyond these a limit stops little. Each is far above what the tools of an agent need in one call.
constexpr std::chrono::milliseconds long_timeout = std::chrono::hours(1);
constexpr std::uint64_t large_memory_mb = 8 * 1024;
constexpr std::uint64_t large_buffer_bytes = 256 * mebibyte;
constexpr std::uint64_t large_write_bytes = 10 * 1024 * mebibyte;
constexpr std::uint64_t many_files = 1'000'000;
constexpr std::uint64_t many_processes = 1'024;
constexpr std::uint64_t many_open_files = 8'192;

struct VariableHazard {
  std::string_view name;
  std::string_view what;
};

// Variables by which whoever sets them decides which code runs, or where traffic goes.
constexpr VariableHazard hazardous_variables[] = {
    {"LD_PRELOAD", "the loader puts this library into every program"},
    {"LD_AUDIT", "the loader puts this library into every program"},
    {"LD_LIBRARY_PATH", "libraries are looked for there first"},
    {"BASH_ENV", "bash runs it before every script"},
    {"ENV", "sh runs it at the start"},
    {"PROMPT_COMMAND", "bash runs it"},
    {"PYTHONPATH", "Python loads modules from there first"},
    {"PYTHONSTARTUP", "Python runs it"},
    {"PERL5LIB", "Perl loads modules from there first"},
    {"PERL5OPT", "Perl takes it as options"},
    {"RUBYOPT", "Ruby takes it as options"},
    {"RUBYLIB", "Ruby loads code from there first"},
    {"NODE_OPTIONS", "Node.js takes it as options, also to load code"},
    {"NODE_PATH", "Node.js loads modules from there"},
    {"JAVA_TOOL_OPTIONS", "Java takes it as options, also to load code"},
    {"GIT_SSH_COMMAND", "Git runs it"},
    {"GIT_EXTERNAL_DIFF", "Git runs it"},
    {"GIT_CONFIG_GLOBAL", "Git runs commands that it names"},
    {"EDITOR", "many programs run it"},
    {"VISUAL", "many programs run it"},
    {"PAGER", "many programs run it"},
    {"IFS", "shells split words by it"},
    {"PATH", "programs look for others there"},
    {"HTTP_PROXY", "the sandbox sets it itself"},
    {"HTTPS_PROXY", "the sandbox sets it itself"},
    {"ALL_PROXY", "the sandbox sets it itself"},
    {"NO_PROXY", "the sandbox sets it itself"},
};

constexpr std::string_view secret_words[] = {"SECRET",  "TOKEN",  "PASSWORD",    "PASSWD",
                                             "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL"};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& character : result) {
    if (character >= 'a' && character <= 'z') {
      character = static_cast<char>(character - 'a' + 'A');
    }
  }
  return result;
}

}  // namespace

void lint_environment(const std::map<std::string, std::string>& environment, std::string_view where,
                      std::vector<PolicyWarning>& warnings) {
  for (const auto& [name, value] : environment) {
    const std::string name_upper = upper(name);
    for (const VariableHazard& hazard : hazardous_variables) {
      const bool is_proxy = hazard.name.ends_with("_PROXY");
      if (is_proxy ? name_upper == hazard.name : name == hazard.name) {
        warnings.push_back(
            {.where = std::string(where),
             .message = fmt::format("{} is set: {}", name, hazard.what),
             .advice = fmt::format("leave {} out unless the tool cannot work without it", name)});
      }
    }
    for (const std::string_view word : secret_words) {
      if (!value.empty() && name_upper.find(word) != std::string::npos) {
        warnings.push_back({.where = std::string(where),
                            .message = fmt::format("{} looks like a secret; everything in the "
                                                   "sandbox can read it, and so can readers "
                                                   "of this file",
                                                   base::printable(name, 64)),
                            .advice = "keep secrets out of policies"});
        break;
      }
    }
  }
}

void lint_limits(const Config& config, std::vector<PolicyWarning>& warnings) {
  if (!config.capabilities.empty() && !config.timeout.is_set()) {
    warnings.push_back({.where = "timeout",
                        .message = "no timeout is chosen; the default of 30 s holds",
                        .advice = "write what the tool needs, such as timeout: 10s"});
  }
  if (config.timeout.value() > long_timeout) {
    warnings.push_back(
        {.where = "timeout",
         .message = fmt::format("a run may take {}", base::format_duration(config.timeout.value())),
         .advice = "minutes are enough for most tools; write what this one needs"});
  }
  struct Amount {
    std::string_view key;
    std::uint64_t value;
    std::uint64_t large;
    bool is_bytes;
  };
  const std::array amounts = {
      Amount{"memory_limit_mb", config.memory_limit_mb * mebibyte, large_memory_mb * mebibyte,
             true},
      Amount{"max_output_bytes", config.max_output_bytes, large_buffer_bytes, true},
      Amount{"max_file_bytes", config.max_file_bytes.value_or(0), large_buffer_bytes, true},
      Amount{"max_response_bytes", config.max_response_bytes.value_or(0), large_buffer_bytes, true},
      Amount{"max_write_bytes", config.max_write_bytes, large_write_bytes, true},
      Amount{"max_files_created", config.max_files_created, many_files, false},
      Amount{"max_processes", config.max_processes, many_processes, false},
      Amount{"max_open_files", config.max_open_files, many_open_files, false},
  };
  for (const Amount& amount : amounts) {
    if (amount.value > amount.large) {
      const auto show = [&](std::uint64_t value) {
        return amount.is_bytes ? base::format_byte_size(value) : fmt::format("{}", value);
      };
      warnings.push_back({.where = std::string(amount.key),
                          .message = fmt::format("{} stops little: it is above {}",
                                                 show(amount.value), show(amount.large)),
                          .advice = "write what this tool needs"});
    }
  }
  if (config.allow_secrets) {
    warnings.push_back(
        {.where = "allow_secrets",
         .message = "private keys, credentials and files that other programs run are open wherever "
                    "an allowed path holds them",
         .advice =
             "leave allow_secrets out, and list by its full path the one secret that is needed"});
  }
  if (config.allow_hard_links && grants(config, Capability::fs_write)) {
    warnings.push_back(
        {.where = "allow_hard_links",
         .message =
             "a write may change a file outside of the allowed paths that has a second name inside",
         .advice =
             "leave allow_hard_links out unless the allowed folders hold hard links of their own"});
  }
}

}  // namespace omnisandbox::policy
