#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omnisandbox/policy.h"
#include "policy/command/command_rules.h"
#include "policy/host/host_rules.h"
#include "policy/path/path_judge.h"

namespace omnisandbox::policy {

/// Effective limits: each within its ceiling (`limits.h`), and for a narrowed policy the smaller of
/// both.
struct Limits {
  std::optional<std::uint64_t>
      memory_limit_bytes;  ///< set only where the user chose one; see `memory_limit`
  std::chrono::milliseconds timeout{};
  std::optional<std::chrono::milliseconds> cpu_time;
  std::optional<std::uint64_t> fuel;
  std::uint64_t max_output_bytes = 0;
  std::uint64_t max_file_bytes = 0;
  std::optional<std::uint64_t> chosen_file_bytes;  ///< set only where a layer chose max_file_bytes
  std::uint64_t max_response_bytes = 0;
  std::uint64_t max_write_bytes = 0;
  std::uint64_t max_files_created = 0;
  std::uint32_t max_processes = 0;
  std::uint32_t max_open_files = 0;
  std::uint32_t max_concurrent_runs = 0;
  std::uint64_t max_host_calls = 0;

  /// An outer layer chose no memory limit, so that the sandbox's default is its limit.
  bool base_has_default_memory = false;

  /// How large a program of its own may make one file: no larger than all that it may write.
  std::uint64_t largest_file_bytes() const {
    return std::min(chosen_file_bytes.value_or(max_write_bytes), max_write_bytes);
  }

  /// What the user chose, else the sandbox's own default.
  std::uint64_t memory_limit(std::uint64_t sandbox_default_bytes) const {
    const std::uint64_t chosen = memory_limit_bytes.value_or(sandbox_default_bytes);
    return base_has_default_memory ? std::min(chosen, sandbox_default_bytes) : chosen;
  }
};

/// What `Policy` holds. Layers: a narrowed policy keeps its base, and every question is asked of
/// each layer; all must agree.
class CompiledPolicy final : public PathJudge {
 public:
  static Expected<std::shared_ptr<const CompiledPolicy>> compile(
      Config config, std::shared_ptr<const CompiledPolicy> base);

  bool has(Capability capability) const noexcept;
  /// The Denial for a capability that is not granted, where it is not.
  std::optional<Denial> missing(Capability capability, std::string_view resource) const;

  const Config& config() const noexcept { return config_; }
  const Limits& limits() const noexcept { return limits_; }
  const std::vector<PolicyWarning>& warnings() const noexcept { return warnings_; }
  const PathRules& paths() const noexcept { return paths_; }
  const HostRules& hosts() const noexcept { return hosts_; }
  const CommandRules& commands() const noexcept { return commands_; }
  const CompiledPolicy* base() const noexcept { return base_.get(); }

  /// The questions, over all layers, capability included. A grant names the innermost layer's rule.
  tl::expected<PathGrant, Denial> judge_path(std::string_view canonical, PathUse use,
                                             std::string_view asked_as) const override;
  std::optional<std::string> host_path_of(std::string_view guest_path) const override;
  std::optional<std::string> resolve_spelling(std::string_view path) const override;
  bool is_above_root(std::string_view canonical) const override;
  bool may_take_away_below(std::string_view canonical) const override;
  bool allows_hard_links() const noexcept override;

  /// How a command that was granted may run: what the rules of all layers say, the smaller limits
  /// of all. Refers to the policy, and lives no longer.
  struct CommandTerms {
    std::string_view working_dir;  ///< of the innermost rule that names one; may be empty
    const std::map<std::string, std::string>* environment =
        nullptr;  ///< the innermost rule's; never null
    std::optional<std::chrono::milliseconds> timeout;
    std::optional<std::uint64_t> memory_limit_mb;
    bool network = true;
  };
  struct CommandGrant {
    const ResolvedCommand* command = nullptr;  ///< null where "*" rules alone allow it
    CommandTerms terms;
    std::string_view rule;
  };
  tl::expected<CommandGrant, Denial> judge_command(std::string_view command,
                                                   std::span<const std::string> args) const;

  struct HttpGrant {
    std::vector<HostAnswer>
        layers;  ///< one an answer of each layer, innermost first; judge_address needs them
    std::string_view rule;
  };
  tl::expected<HttpGrant, Denial> judge_request(const CanonicalTarget& target,
                                                std::string_view method,
                                                std::string_view asked_as) const;
  /// May a tunnel to the host and port of `target` be opened (HostRules::judge_tunnel)?
  tl::expected<HttpGrant, Denial> judge_tunnel(const CanonicalTarget& target,
                                               std::string_view asked_as) const;
  /// When the socket is opened: may `target` be reached at `address`?
  tl::expected<void, Denial> judge_address(const CanonicalTarget& target, const HttpGrant& grant,
                                           const IpAddress& address,
                                           std::string_view asked_as) const;

 private:
  CompiledPolicy() = default;
  static constexpr unsigned bit(Capability capability) {
    return 1u << static_cast<unsigned>(capability);
  }
  /// The Denial where a layer allows `file` by "*" alone and can write it.
  std::optional<Denial> distrusted(const ResolvedCommand& file, std::string_view command,
                                   std::span<const std::string> args) const;
  static CommandTerms terms_of(const CommandRule& rule);
  /// `terms`, narrowed by the rule of an outer layer.
  static void narrow_terms(CommandTerms& terms, const CommandRule& outer,
                           const CompiledPolicy& layer);

  Config config_;
  unsigned capabilities_ = 0;                   // bits of this layer's own capabilities
  std::shared_ptr<const CompiledPolicy> base_;  // shared: the base may serve many narrower policies
  Limits limits_;
  PathRules paths_;
  HostRules hosts_;
  CommandRules commands_;
  std::vector<PolicyWarning> warnings_;
};

}  // namespace omnisandbox::policy
