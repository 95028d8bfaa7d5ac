#include "policy/compiled_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "policy/limits.h"
#include "policy/path/path_text.h"
#include "policy/remedy.h"

namespace omnisandbox::policy {
namespace {

struct Bound {
  std::string_view field;
  std::uint64_t value;
  std::uint64_t smallest;
  std::uint64_t largest;
};

Expected<void> check_bounds(const Config& config) {
  const auto milliseconds = [](std::chrono::milliseconds duration) {
    // A negative duration becomes huge and is refused by the ceiling.
    return static_cast<std::uint64_t>(duration.count());
  };
  const auto max_time_ms = milliseconds(max_timeout);
  const std::array bounds = {
      Bound{"memory_limit_mb", config.memory_limit_mb, 1, max_memory_limit_mb},
      Bound{"timeout (in milliseconds)", milliseconds(config.timeout), 1, max_time_ms},
      Bound{"cpu_time_limit (in milliseconds)",
            milliseconds(config.cpu_time_limit.value_or(max_timeout)), 1, max_time_ms},
      Bound{"fuel_limit", config.fuel_limit.value_or(1), 1, max_fuel},
      Bound{"max_output_bytes", config.max_output_bytes, 0, max_buffer_bytes},
      Bound{"max_file_bytes", config.max_file_bytes.value_or(0), 0, max_buffer_bytes},
      Bound{"max_response_bytes", config.max_response_bytes.value_or(0), 0, max_buffer_bytes},
      Bound{"max_write_bytes", config.max_write_bytes, 0, max_write_bytes_ceiling},
      Bound{"max_files_created", config.max_files_created, 0, max_files_created_ceiling},
      Bound{"max_processes", config.max_processes, 1, max_processes_ceiling},
      Bound{"max_open_files", config.max_open_files, 1, max_open_files_ceiling},
      Bound{"max_concurrent_runs", config.max_concurrent_runs, 1, max_concurrent_runs_ceiling},
      Bound{"max_host_calls", config.max_host_calls, 0, max_host_calls_ceiling},
      Bound{"number of allowed_paths", config.allowed_paths.size(), 0, max_rules_per_list},
      Bound{"number of allowed_hosts", config.allowed_hosts.size(), 0, max_rules_per_list},
      Bound{"number of allowed_commands", config.allowed_commands.size(), 0, max_rules_per_list},
  };
  for (const Bound& bound : bounds) {
    if (bound.value < bound.smallest || bound.value > bound.largest) {
      return base::make_error(ErrorKind::invalid_argument, "{} is {}; it must be between {} and {}",
                              bound.field, static_cast<std::int64_t>(bound.value), bound.smallest,
                              bound.largest);
    }
  }
  return {};
}

Expected<void> check_environment(const std::map<std::string, std::string>& environment,
                                 std::string_view where) {
  for (const auto& [name, value] : environment) {
    const bool bad_name =
        name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos;
    if (bad_name || value.find('\0') != std::string::npos) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "{}: \"{}\" cannot be set; a name is not empty and has no \"=\", and neither side has a "
          "NUL byte",
          where, base::printable(name, 100));
    }
  }
  return {};
}

Expected<void> check_working_dir(std::string_view folder, std::string_view where) {
  if (folder.empty()) {
    return {};
  }
  if (auto text = parse_path(folder); !text) {
    return base::make_error(ErrorKind::invalid_argument, "{}: {}", where, text.error().message);
  }
  return {};
}

// Where commands start, and with which variables.
Expected<void> check_starts(const Config& config) {
  TRY(check_working_dir(config.working_dir, "working_dir"));
  TRY(check_environment(config.environment, "environment"));
  for (std::size_t index = 0; index < config.allowed_commands.size(); ++index) {
    const CommandRule& rule = config.allowed_commands[index];
    TRY(check_working_dir(rule.working_dir,
                          fmt::format("allowed_commands[{}].working_dir", index)));
    TRY(check_environment(rule.environment,
                          fmt::format("allowed_commands[{}].environment", index)));
  }
  return {};
}

// A limit that the narrower Config does not set is the base's; one that it sets can only be
// smaller.
template <class T>
T narrowed(const Defaulted<T>& own, const T* base) {
  if (base == nullptr) {
    return own;
  }
  return own.is_set() ? std::min<T>(own, *base) : *base;
}

template <class T>
std::optional<T> narrowed(const std::optional<T>& own, const std::optional<T>* base) {
  if (base == nullptr || !*base) {
    return own;
  }
  return own ? std::min(*own, **base) : *base;
}

Limits limits_of(const Config& config, const Limits* base) {
  const auto of = [base](auto member) { return base == nullptr ? nullptr : &(base->*member); };
  std::optional<std::uint64_t> memory_limit_bytes;
  if (config.memory_limit_mb.is_set()) {
    memory_limit_bytes = config.memory_limit_mb * mebibyte;
  }
  Limits limits;
  limits.memory_limit_bytes = narrowed(memory_limit_bytes, of(&Limits::memory_limit_bytes));
  limits.base_has_default_memory =
      base != nullptr && (base->base_has_default_memory || !base->memory_limit_bytes);
  limits.timeout = narrowed(config.timeout, of(&Limits::timeout));
  limits.cpu_time = narrowed(config.cpu_time_limit, of(&Limits::cpu_time));
  limits.fuel = narrowed(config.fuel_limit, of(&Limits::fuel));
  limits.max_output_bytes = narrowed(config.max_output_bytes, of(&Limits::max_output_bytes));
  limits.max_write_bytes = narrowed(config.max_write_bytes, of(&Limits::max_write_bytes));
  limits.max_files_created = narrowed(config.max_files_created, of(&Limits::max_files_created));
  limits.max_processes = narrowed(config.max_processes, of(&Limits::max_processes));
  limits.max_open_files = narrowed(config.max_open_files, of(&Limits::max_open_files));
  limits.max_concurrent_runs =
      narrowed(config.max_concurrent_runs, of(&Limits::max_concurrent_runs));
  limits.max_host_calls = narrowed(config.max_host_calls, of(&Limits::max_host_calls));
  // Not set here nor below: as much as is kept of the output.
  const auto buffer = [&](const std::optional<std::uint64_t>& own, const std::uint64_t* inherited) {
    if (inherited == nullptr) {
      return own.value_or(limits.max_output_bytes);
    }
    return std::min(own.value_or(*inherited), *inherited);
  };
  limits.max_file_bytes = buffer(config.max_file_bytes, of(&Limits::max_file_bytes));
  limits.chosen_file_bytes = narrowed(config.max_file_bytes, of(&Limits::chosen_file_bytes));
  limits.max_response_bytes = buffer(config.max_response_bytes, of(&Limits::max_response_bytes));
  return limits;
}

std::vector<std::string> writable_roots(const PathRules& paths) {
  std::vector<std::string> roots;
  for (const auto& root : paths.roots()) {
    if (root->access == PathAccess::read_write) {
      roots.push_back(root->path);
    }
  }
  return roots;
}

bool is_same_file(const ResolvedCommand& one, const ResolvedCommand& other) {
  return one.device == other.device && one.inode == other.inode;
}

// A denial by an outer layer says so: the line to change stands in another file.
Denial from_layer(Denial denial, const CompiledPolicy* layer, const CompiledPolicy* innermost) {
  if (layer != innermost) {
    denial.reason += " (in the base policy that this one narrows)";
  }
  return denial;
}

Denial host_denial(HostAnswer answer, std::string_view asked_as, std::string remedy) {
  return Denial{.capability = Capability::net_http,
                .resource = std::string(asked_as),
                .rule = std::string(answer.rule),
                .reason = std::move(answer.reason),
                .remedy = std::move(remedy)};
}

}  // namespace

Expected<std::shared_ptr<const CompiledPolicy>> CompiledPolicy::compile(
    Config config, std::shared_ptr<const CompiledPolicy> base) {
  TRY(check_bounds(config));
  TRY(check_starts(config));
  // Not make_shared: the constructor is private.
  std::shared_ptr<CompiledPolicy> compiled(new CompiledPolicy);
  for (const Capability capability : config.capabilities) {
    compiled->capabilities_ |= bit(capability);
  }
  compiled->paths_ = TRY(PathRules::compile(config));
  compiled->hosts_ = TRY(HostRules::compile(config.allowed_hosts));
  // What any layer may write no command may be resolved to.
  std::vector<std::string> writable = writable_roots(compiled->paths_);
  for (const CompiledPolicy* layer = base.get(); layer != nullptr; layer = layer->base()) {
    const auto more = writable_roots(layer->paths_);
    writable.insert(writable.end(), more.begin(), more.end());
  }
  compiled->commands_ = TRY(CommandRules::compile(config, writable, compiled->warnings_));
  compiled->limits_ = limits_of(config, base == nullptr ? nullptr : &base->limits_);
  if (base != nullptr) {
    config.audit_required |= base->config_.audit_required;
  }
  compiled->config_ = std::move(config);
  compiled->base_ = std::move(base);
  return std::shared_ptr<const CompiledPolicy>(std::move(compiled));
}

bool CompiledPolicy::has(Capability capability) const noexcept {
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    if ((layer->capabilities_ & bit(capability)) == 0) {
      return false;
    }
  }
  return true;
}

std::optional<Denial> CompiledPolicy::missing(Capability capability,
                                              std::string_view resource) const {
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    if ((layer->capabilities_ & bit(capability)) == 0) {
      const std::string_view name = to_string(capability);
      return from_layer(Denial{.capability = capability,
                               .resource = std::string(resource),
                               .rule = {},
                               .reason = fmt::format("the capability {} is not granted", name),
                               .remedy = fmt::format("capabilities: [{}]", name)},
                        layer, this);
    }
  }
  return std::nullopt;
}

tl::expected<PathGrant, Denial> CompiledPolicy::judge_path(std::string_view canonical, PathUse use,
                                                           std::string_view asked_as) const {
  const bool reads = use == PathUse::read;
  const Capability capability = reads ? Capability::fs_read : Capability::fs_write;
  if (auto denial = missing(capability, asked_as)) {
    return tl::unexpected(std::move(*denial));
  }
  PathGrant grant;
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    const PathAnswer answer = layer->paths_.judge(canonical);
    const bool allowed =
        answer.access == PathAccess::read_write || (reads && answer.access == PathAccess::read);
    if (!allowed || answer.root == nullptr) {
      Denial denial{.capability = capability,
                    .resource = std::string(asked_as),
                    .rule = std::string(answer.rule),
                    .reason = std::string(answer.reason),
                    .remedy = {}};
      if (answer.access == PathAccess::read) {
        denial.reason = "the rule opens it for reading only";
      } else if (denial.reason.empty()) {
        denial.reason = "no rule of allowed_paths covers it";
      }
      denial.remedy = path_remedy({.config = layer->config_,
                                   .rules = layer->paths_,
                                   .canonical = canonical,
                                   .answer = answer,
                                   .wanted = reads ? PathAccess::read : PathAccess::read_write});
      return tl::unexpected(from_layer(std::move(denial), layer, this));
    }
    const std::string_view below =
        use == PathUse::move ? layer->paths_.rule_below(canonical) : std::string_view();
    if (!below.empty()) {
      Denial denial{.capability = capability,
                    .resource = std::string(asked_as),
                    .rule = std::string(below),
                    .reason =
                        "moving or linking it would carry what is beneath out of the reach of "
                        "the rule",
                    .remedy = {}};
      return tl::unexpected(from_layer(std::move(denial), layer, this));
    }
    if (layer == this) {
      grant = PathGrant{answer.root, answer.rule};
    }
  }
  return grant;
}

std::optional<std::string> CompiledPolicy::host_path_of(std::string_view guest_path) const {
  return paths_.host_path_of(guest_path);
}

std::optional<std::string> CompiledPolicy::resolve_spelling(std::string_view path) const {
  auto canonical = paths_.resolve_spelling(path);
  // What a rule spells as it is leads nowhere else: an outer layer refuses it.
  return canonical == path ? std::nullopt : canonical;
}

bool CompiledPolicy::is_above_root(std::string_view canonical) const {
  // A rule may be wider than one of an outer layer beneath it: the way there is open, too.
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    if (layer->paths_.is_above_root(canonical)) {
      return true;
    }
  }
  return false;
}

bool CompiledPolicy::may_take_away_below(std::string_view canonical) const {
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    if (layer->paths_.may_take_away_below(canonical)) {
      return true;
    }
  }
  return false;
}

bool CompiledPolicy::allows_hard_links() const noexcept {
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    if (!layer->config_.allow_hard_links) {
      return false;
    }
  }
  return true;
}

tl::expected<CompiledPolicy::CommandGrant, Denial> CompiledPolicy::judge_command(
    std::string_view command, std::span<const std::string> args) const {
  if (auto denial = missing(Capability::exec_run, command)) {
    return tl::unexpected(std::move(*denial));
  }
  CommandGrant grant;
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    CommandAnswer answer = layer->commands_.judge(command, args);
    if (!answer.allowed) {
      return tl::unexpected(from_layer(Denial{.capability = Capability::exec_run,
                                              .resource = std::string(command),
                                              .rule = std::string(answer.rule),
                                              .reason = std::move(answer.reason),
                                              .remedy = command_remedy(answer, command, args)},
                                       layer, this));
    }
    if (layer == this) {
      grant = CommandGrant{answer.command, terms_of(*answer.options), answer.rule};
      continue;
    }
    narrow_terms(grant.terms, *answer.options, *layer);
    if (grant.command == nullptr) {
      grant.command = answer.command;
    } else if (answer.command != nullptr && !is_same_file(*grant.command, *answer.command)) {
      // Another file has taken the name between the compiling of the two policies.
      return tl::unexpected(from_layer(
          Denial{.capability = Capability::exec_run,
                 .resource = std::string(command),
                 .rule = std::string(answer.rule),
                 .reason = fmt::format("this policy means {}, another file than {}",
                                       base::printable(grant.command->path),
                                       base::printable(answer.command->path)),
                 .remedy = "compile both policies again, after the change of the installed files"},
          layer, this));
    }
  }
  if (grant.command != nullptr) {
    if (auto denial = distrusted(*grant.command, command, args)) {
      return tl::unexpected(std::move(*denial));
    }
  }
  return grant;
}

// A file that one layer lists is run only where each layer that allows it by "*" trusts it, too.
std::optional<Denial> CompiledPolicy::distrusted(const ResolvedCommand& file,
                                                 std::string_view command,
                                                 std::span<const std::string> args) const {
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    const CommandAnswer answer = layer->commands_.judge(command, args);
    if (answer.command == nullptr && !layer->commands_.star_covers(file)) {
      return from_layer(
          Denial{.capability = Capability::exec_run,
                 .resource = std::string(command),
                 .rule = std::string(answer.rule),
                 .reason = fmt::format("the command is not trusted: {} lies where the policy "
                                       "itself can write",
                                       base::printable(file.path)),
                 .remedy = {}},
          layer, this);
    }
  }
  return std::nullopt;
}

CompiledPolicy::CommandTerms CompiledPolicy::terms_of(const CommandRule& rule) {
  return {.working_dir = rule.working_dir,
          .environment = &rule.environment,
          .timeout = rule.timeout,
          .memory_limit_mb = rule.memory_limit_mb,
          .network = rule.network};
}

void CompiledPolicy::narrow_terms(CommandTerms& terms, const CommandRule& outer,
                                  const CompiledPolicy& layer) {
  terms.network = terms.network && outer.network;
  terms.timeout = narrowed(terms.timeout, &outer.timeout);
  terms.memory_limit_mb = narrowed(terms.memory_limit_mb, &outer.memory_limit_mb);
  if (terms.memory_limit_mb && !outer.memory_limit_mb) {
    const std::uint64_t bound = layer.limits_.memory_limit(default_command_memory_bytes) / mebibyte;
    terms.memory_limit_mb = std::min(*terms.memory_limit_mb, bound);
  }
  if (terms.working_dir.empty()) {
    terms.working_dir = outer.working_dir;
  }
}

tl::expected<CompiledPolicy::HttpGrant, Denial> CompiledPolicy::judge_request(
    const CanonicalTarget& target, std::string_view method, std::string_view asked_as) const {
  if (auto denial = missing(Capability::net_http, asked_as)) {
    return tl::unexpected(std::move(*denial));
  }
  HttpGrant grant;
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    HostAnswer answer = layer->hosts_.judge(target, method);
    if (!answer.allowed) {
      return tl::unexpected(from_layer(
          host_denial(std::move(answer), asked_as, request_remedy(target, method)), layer, this));
    }
    grant.layers.push_back(std::move(answer));
  }
  grant.rule = grant.layers.front().rule;
  return grant;
}

tl::expected<CompiledPolicy::HttpGrant, Denial> CompiledPolicy::judge_tunnel(
    const CanonicalTarget& target, std::string_view asked_as) const {
  if (auto denial = missing(Capability::net_http, asked_as)) {
    return tl::unexpected(std::move(*denial));
  }
  HttpGrant grant;
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base()) {
    HostAnswer answer = layer->hosts_.judge_tunnel(target.host, target.port);
    if (!answer.allowed) {
      return tl::unexpected(
          from_layer(host_denial(std::move(answer), asked_as, tunnel_remedy(target)), layer, this));
    }
    grant.layers.push_back(std::move(answer));
  }
  grant.rule = grant.layers.front().rule;
  return grant;
}

tl::expected<void, Denial> CompiledPolicy::judge_address(const CanonicalTarget& target,
                                                         const HttpGrant& grant,
                                                         const IpAddress& address,
                                                         std::string_view asked_as) const {
  std::size_t index = 0;
  for (const CompiledPolicy* layer = this; layer != nullptr; layer = layer->base(), ++index) {
    HostAnswer answer = layer->hosts_.judge_address(target, grant.layers.at(index), address);
    if (!answer.allowed) {
      return tl::unexpected(from_layer(
          host_denial(std::move(answer), asked_as, address_remedy(target, address)), layer, this));
    }
  }
  return {};
}

}  // namespace omnisandbox::policy
