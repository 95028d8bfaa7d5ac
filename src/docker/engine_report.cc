#include "docker/engine_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <optional>

#include "base/error.h"
#include "base/try.h"
#include "docker/json_access.h"

namespace omnisandbox::docker {
namespace {

using nlohmann::json;

constexpr std::size_t max_shown_bytes = 60;

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  auto operator<=>(const Version&) const = default;
};

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  const char* next = text.data();
  const char* end = text.data() + text.size();
  for (unsigned* part : {&version.major, &version.minor, &version.patch}) {
    const auto parsed = std::from_chars(next, end, *part);
    if (parsed.ec != std::errc()) {
      return std::nullopt;
    }
    next = parsed.ptr;
    if (next != end && *next == '.') {
      ++next;
    }
  }
  // A release candidate comes before its release.
  if (next != end && *next == '-' && version.patch == 0) {
    return Version{version.major, version.minor, 0};
  }
  return version;
}

std::string text_of(const json& value) {
  return value.is_string() ? base::printable(value.get<std::string>(), max_shown_bytes)
                           : std::string("unknown");
}

bool is_said_to_be_missing(const json& value) { return value.is_boolean() && !value.get<bool>(); }

struct Program {
  std::string name;
  std::string version;
};

/// Docker says "runc" and "1.1.5"; Podman "OCI Runtime (runc)" and all that the program prints for
/// --version, beginning with "runc version 1.1.5".
Program program_of(const json& component) {
  constexpr std::string_view runtime = "OCI Runtime (";
  constexpr std::string_view marker = " version ";
  Program program{.name = text_in(component, "Name"), .version = text_in(component, "Version")};
  if (program.name.starts_with(runtime) && program.name.ends_with(')')) {
    program.name = program.name.substr(runtime.size());
    program.name.pop_back();
  }
  program.version.resize(std::min(program.version.size(), program.version.find('\n')));
  if (const std::size_t start = program.version.find(marker); start != std::string::npos) {
    program.version.erase(0, start + marker.size());
  }
  return program;
}

void add_component(const Program& program, EngineReport& report) {
  if (program.name != "containerd" && program.name != "runc" && program.name != "crun") {
    return;
  }
  const std::string version =
      program.version.empty() ? "unknown" : base::printable(program.version, max_shown_bytes);
  report.summary += fmt::format(", {} {}", program.name, version);
  if (program.name != "runc") {
    return;
  }
  if (const auto escapes = known_escapes_of_runc(program.version); !escapes.empty()) {
    report.warnings.push_back(fmt::format(
        "runc {} has known escapes ({}), unless the distributor has repaired them; 1.2.8, 1.3.3 "
        "and later have not",
        version, fmt::join(escapes, ", ")));
  }
}

void add_limits(const json& info, std::vector<std::string>& warnings) {
  struct Limit {
    const char* key;
    const char* name;
  };
  for (const Limit& limit : {Limit{"MemoryLimit", "memory"}, Limit{"PidsLimit", "processes"},
                             Limit{"CpuCfsQuota", "processor time"}}) {
    if (is_said_to_be_missing(member(info, limit.key))) {
      warnings.push_back(
          fmt::format("the engine cannot limit {}, so that no container runs; it needs control "
                      "groups with that "
                      "controller (rootless: systemd with Delegate=yes)",
                      limit.name));
    }
  }
  if (is_said_to_be_missing(member(info, "SwapLimit"))) {
    warnings.emplace_back(
        "the kernel does not count swap, so that the memory limit does not bound it; boot with "
        "swapaccount=1, or without swap");
  }
}

void add_security(const json& info, std::string& summary, std::vector<std::string>& warnings) {
  bool has_seccomp = false;
  bool has_own_users = false;
  for (const json& option : member(info, "SecurityOptions")) {
    const std::string text = option.is_string() ? option.get<std::string>() : "";
    has_seccomp = has_seccomp || text.starts_with("name=seccomp");
    if (text == "name=rootless" || text == "name=userns") {
      has_own_users = true;
      summary += text == "name=rootless" ? ", rootless" : ", with user namespaces";
    }
  }
  if (!has_seccomp) {
    warnings.emplace_back("the engine has no seccomp filter; use one that is built with it");
  }
  if (!has_own_users) {
    warnings.emplace_back(
        "root inside a container is root outside; a rootless engine, or userns-remap, bounds what "
        "an escape gains");
  }
}

}  // namespace

std::vector<std::string> known_escapes_of_runc(std::string_view text) {
  const auto version = parse_version(text);
  if (!version) {
    return {};
  }
  std::vector<std::string> escapes;
  if (*version < Version{1, 1, 12}) {
    escapes.emplace_back("CVE-2024-21626");
  }
  const bool is_repaired = *version >= Version{1, 4, 0} ||
                           (*version >= Version{1, 3, 3} && *version < Version{1, 4, 0}) ||
                           (*version >= Version{1, 2, 8} && *version < Version{1, 3, 0});
  if (!is_repaired) {
    escapes.insert(escapes.end(), {"CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"});
  }
  return escapes;
}

Expected<EngineReport> report_on(Engine& engine, const Patience& patience) {
  const json version = TRY(engine.call_json({.target = "/version"}, patience, "tell its version"));
  const json info = TRY(engine.call_json({.target = "/info"}, patience, "describe itself"));
  EngineReport report;
  report.summary =
      fmt::format("{}: {}{}, API {}.{}", base::printable(engine.address()),
                  engine.kind() == EngineKind::podman ? "Podman " : "",
                  text_of(member(version, "Version")), engine.api().major, engine.api().minor);
  for (const json& component : member(version, "Components")) {
    add_component(program_of(component), report);
  }
  std::string runtimes;
  for (const auto& [name, ignored] : member(info, "Runtimes").items()) {
    runtimes += (runtimes.empty() ? "" : " ") + base::printable(name, max_shown_bytes);
  }
  if (!runtimes.empty()) {
    report.summary += ", runtimes " + base::printable(runtimes, 200);
  }
  add_security(info, report.summary, report.warnings);
  add_limits(info, report.warnings);
  return report;
}

}  // namespace omnisandbox::docker
