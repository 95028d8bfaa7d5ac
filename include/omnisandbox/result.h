#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/error.h"

namespace omnisandbox {

/// How a run ended.
enum class Status {
  ok,              ///< exit code 0
  exited,          ///< ended by itself with another exit code, or by a signal of its own
  timeout,         ///< the deadline passed
  memory_limit,    ///< the memory limit was reached
  fuel_exhausted,  ///< the fuel was used up
  process_limit,   ///< the process limit was reached
  trap,            ///< a WebAssembly trap
  denied,          ///< the policy refused the run itself
  cancelled,       ///< the caller's stop token
  failed,          ///< the sandbox failed
};

/// The contract's names: "ok", "exited", "timeout", "memory_limit", …
std::string_view to_string(Status status) noexcept;

/// What confined a run: `kind` is "wasm", "process" or "docker"; `layers` lists what really was in
/// force.
struct SandboxDescription {
  std::string kind;
  std::vector<std::string> layers;
};

/// Whether a module's compiled code was taken from the module cache.
enum class CacheUse : std::uint8_t {
  none,  ///< no module, or no cache in use
  miss,  ///< compiled, and kept for the next time
  hit,
};
/// "none", "miss" or "hit".
std::string_view to_string(CacheUse use) noexcept;

/// What a confined command was refused.
enum class RefusedThing : std::uint8_t { path, program, host, system_call };
/// "path", "program", "host" or "system_call".
std::string_view to_string(RefusedThing thing) noexcept;

/// Why something did not work inside a sandbox: a diagnosis, made beside the layers that refused
/// it, which decide by themselves. All texts are safe to print.
struct Refusal {
  RefusedThing thing{};
  std::string action;  ///< "read", "write", "run", "reach", "call"
  std::string name;    ///< the path, program, host or system call, as the command gave it
  std::string layer;   ///< what refused it: "file view", "landlock", "seccomp", "proxy"
  std::string reason;  ///< one sentence
  std::string rule;    ///< the policy's rule that refused it; empty: no rule allows it
  std::string remedy;  ///< the policy line, or the change of one, that would allow it; empty where
                       ///< nothing can
  std::uint64_t count = 1;  ///< how often
};

/// Everything that a run was refused, as far as it was looked at.
struct RefusalReport {
  std::vector<Refusal> entries;  ///< in order, equal ones once; at most `max_reported_refusals`
  std::uint64_t count = 0;       ///< equal ones too
  bool is_cut = false;           ///< there was more than is kept or looked at
};

/// The outcome of one run. What the guest printed is kept up to `max_output_bytes` each; the byte
/// counts tell how much there was. (The members are not called `stdout`/`stderr`: those are
/// macros.)
struct Result {
  Status status = Status::failed;
  int exit_code = 0;
  std::string stdout_data;
  std::string stderr_data;
  bool stdout_truncated = false;
  std::uint64_t stdout_bytes = 0;
  bool stderr_truncated = false;
  std::uint64_t stderr_bytes = 0;
  std::chrono::nanoseconds duration{};
  std::uint64_t peak_memory_bytes = 0;
  std::chrono::nanoseconds cpu_time{};         ///< of a command and all that it started
  std::optional<std::uint64_t> fuel_consumed;  ///< set when fuel was metered
  CacheUse module_cache = CacheUse::none;
  SandboxDescription sandbox;
  std::vector<Denial> denials;            ///< of this run, in order; at most `max_reported_denials`
  std::uint64_t denial_count = 0;         ///< all of them
  std::optional<RefusalReport> refusals;  ///< set where the run was asked to explain itself
  std::optional<Error> error;             ///< set unless status is ok or exited
  std::string run_id;                     ///< the same as in the audit records
};

/// A Result keeps this many denials; a guest that provokes more only raises the count.
inline constexpr std::size_t max_reported_denials = 100;
inline constexpr std::size_t max_reported_refusals = 100;

}  // namespace omnisandbox
