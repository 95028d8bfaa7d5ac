#include "process/command_terms.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "base/try.h"
#include "linux/core_dumps.h"
#include "policy/command/absent_command.h"
#include "policy/limits.h"

namespace omnisandbox::process {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view proxy_url = "http://127.0.0.1:3128";
// Enough for what programs lock and queue by habit, nothing to exhaust the kernel with.
constexpr std::uint64_t locked_memory_bytes = 64 * 1024;

std::uint64_t memory_limit_of(const policy::Limits& limits,
                              std::optional<std::uint64_t> own_limit_mb) {
  const std::uint64_t limit = limits.memory_limit(policy::default_command_memory_bytes);
  if (!own_limit_mb) {
    return limit;
  }
  // A rule may ask for more than the default, and for no more than what the policy sets.
  const std::uint64_t own = *own_limit_mb * policy::mebibyte;
  return limits.memory_limit_bytes ? std::min(own, limit) : own;
}

}  // namespace

Expected<JudgedCommand> judge_job(const Policy& policy, const CommandJob& job) {
  const policy::CompiledPolicy& compiled = policy.compiled();
  auto grant = compiled.judge_command(job.command, job.args);
  if (!grant) {
    return policy::refused_command(std::move(grant).error());
  }
  JudgedCommand judged;
  const auto use = [&](const policy::ResolvedCommand& command) {
    judged.program = {.name = job.command,
                      .path = command.path,
                      .device = command.device,
                      .inode = command.inode,
                      .modified_ns = command.modified_ns,
                      .changed_ns = command.changed_ns};
  };
  if (grant->command != nullptr) {
    use(*grant->command);
  } else {
    use(TRY(compiled.commands().resolve_trusted_command(job.command)));
  }
  judged.terms = grant->terms;
  judged.memory_bytes = memory_limit_of(compiled.limits(), judged.terms.memory_limit_mb);
  judged.deadline = std::min(job.deadline, Clock::now() + compiled.limits().timeout);
  if (judged.terms.timeout) {
    judged.deadline = std::min(judged.deadline, Clock::now() + *judged.terms.timeout);
  }
  judged.wants_network = compiled.has(Capability::net_http) && judged.terms.network;
  return judged;
}

std::vector<std::string> environment_of(const Policy& policy, const JudgedCommand& judged,
                                        const CommandJob& job, bool has_proxy,
                                        const std::string& home) {
  std::map<std::string, std::string> variables = {
      {"PATH", std::string(policy::CommandRules::search_path)},
      {"HOME", home},
      {"TMPDIR", home},
      {"LANG", "C.UTF-8"}};
  if (has_proxy) {
    for (const char* name :
         {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}) {
      variables[name] = proxy_url;
    }
  }
  const auto add = [&variables](const std::map<std::string, std::string>& more) {
    for (const auto& [name, value] : more) {
      variables[name] = value;
    }
  };
  add(policy.config().environment);
  add(*judged.terms.environment);
  add(job.environment);
  std::vector<std::string> texts;
  texts.reserve(variables.size());
  for (const auto& [name, value] : variables) {
    texts.push_back(fmt::format("{}={}", name, value));
  }
  return texts;
}

std::vector<ResourceLimit> resource_limits(const policy::Limits& limits, std::uint64_t memory_bytes,
                                           CgroupReach reach, Tier tier) {
  const auto resource = [](auto number) { return static_cast<std::uint32_t>(number); };
  std::vector<ResourceLimit> list = {{resource(RLIMIT_CORE), linux_::no_core_dump},
                                     {resource(RLIMIT_NOFILE), limits.max_open_files},
                                     {resource(RLIMIT_FSIZE), limits.largest_file_bytes()},
                                     {resource(RLIMIT_MEMLOCK), locked_memory_bytes},
                                     {resource(RLIMIT_MSGQUEUE), locked_memory_bytes}};
  if (tier == Tier::namespaces) {
    // Counted within the user namespace, with the launcher's own process; without one, everything
    // that the user runs would count.
    list.push_back({resource(RLIMIT_NPROC), std::uint64_t{limits.max_processes} + 1});
  }
  if (limits.cpu_time) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*limits.cpu_time);
    list.push_back({resource(RLIMIT_CPU), static_cast<std::uint64_t>(seconds.count())});
  }
  if (!reach.memory) {
    list.push_back({resource(RLIMIT_DATA), memory_bytes});
  }
  return list;
}

}  // namespace omnisandbox::process
