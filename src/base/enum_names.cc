#include <array>
#include <string_view>
#include <utility>

#include "omnisandbox/capability.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/error.h"
#include "omnisandbox/result.h"

namespace omnisandbox {
namespace {

// One table for each enumeration serves both directions.
template <class Enum, std::size_t count>
using Names = std::array<std::pair<Enum, std::string_view>, count>;

template <class Enum, std::size_t count>
constexpr std::string_view name_of(const Names<Enum, count>& names, Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) {
      return name;
    }
  }
  return "unknown";
}

template <class Enum, std::size_t count>
constexpr std::optional<Enum> value_of(const Names<Enum, count>& names, std::string_view name) {
  for (const auto& [value, candidate] : names) {
    if (candidate == name) {
      return value;
    }
  }
  return std::nullopt;
}

constexpr Names<Capability, 4> capability_names = {{{Capability::fs_read, "fs_read"},
                                                    {Capability::fs_write, "fs_write"},
                                                    {Capability::net_http, "net_http"},
                                                    {Capability::exec_run, "exec_run"}}};

constexpr Names<NetworkMode, 3> network_mode_names = {
    {{NetworkMode::none, "none"}, {NetworkMode::bridge, "bridge"}, {NetworkMode::host, "host"}}};
constexpr Names<PullPolicy, 3> pull_policy_names = {{{PullPolicy::never, "never"},
                                                     {PullPolicy::missing, "missing"},
                                                     {PullPolicy::always, "always"}}};

constexpr Names<ErrorKind, 15> error_kind_names = {{
    {ErrorKind::timeout, "timeout"},
    {ErrorKind::memory, "memory"},
    {ErrorKind::fuel, "fuel"},
    {ErrorKind::output, "output"},
    {ErrorKind::denied, "denied"},
    {ErrorKind::trap, "trap"},
    {ErrorKind::invalid_argument, "invalid_argument"},
    {ErrorKind::not_found, "not_found"},
    {ErrorKind::already_exists, "already_exists"},
    {ErrorKind::too_large, "too_large"},
    {ErrorKind::limit, "limit"},
    {ErrorKind::io, "io"},
    {ErrorKind::cancelled, "cancelled"},
    {ErrorKind::unavailable, "unavailable"},
    {ErrorKind::internal, "internal"},
}};

constexpr Names<Status, 10> status_names = {{
    {Status::ok, "ok"},
    {Status::exited, "exited"},
    {Status::timeout, "timeout"},
    {Status::memory_limit, "memory_limit"},
    {Status::fuel_exhausted, "fuel_exhausted"},
    {Status::process_limit, "process_limit"},
    {Status::trap, "trap"},
    {Status::denied, "denied"},
    {Status::cancelled, "cancelled"},
    {Status::failed, "failed"},
}};

constexpr Names<CacheUse, 3> cache_use_names = {
    {{CacheUse::none, "none"}, {CacheUse::miss, "miss"}, {CacheUse::hit, "hit"}}};

constexpr Names<RefusedThing, 4> refused_thing_names = {
    {{RefusedThing::path, "path"},
     {RefusedThing::program, "program"},
     {RefusedThing::host, "host"},
     {RefusedThing::system_call, "system_call"}}};

}  // namespace

std::string_view to_string(Capability capability) noexcept {
  return name_of(capability_names, capability);
}

std::optional<Capability> capability_from_string(std::string_view name) noexcept {
  return value_of(capability_names, name);
}

std::string_view to_string(NetworkMode mode) noexcept { return name_of(network_mode_names, mode); }

std::string_view to_string(PullPolicy policy) noexcept {
  return name_of(pull_policy_names, policy);
}

std::optional<PullPolicy> pull_policy_from_string(std::string_view name) noexcept {
  return value_of(pull_policy_names, name);
}

std::optional<NetworkMode> network_mode_from_string(std::string_view name) noexcept {
  return value_of(network_mode_names, name);
}

std::string_view to_string(ErrorKind kind) noexcept { return name_of(error_kind_names, kind); }

std::string_view to_string(Status status) noexcept { return name_of(status_names, status); }

std::string_view to_string(RefusedThing thing) noexcept {
  return name_of(refused_thing_names, thing);
}

std::string_view to_string(CacheUse use) noexcept { return name_of(cache_use_names, use); }

}  // namespace omnisandbox
