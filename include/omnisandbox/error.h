#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/capability.h"

namespace omnisandbox {

/// What went wrong, coarse enough to switch on. Each kind has one exit code on the command line.
enum class ErrorKind {
  timeout,           ///< the deadline passed
  memory,            ///< a memory limit was reached
  fuel,              ///< the fuel was used up
  output,            ///< an output limit was reached and the caller asked for an error
  denied,            ///< the policy refused; `Error::denial` says why
  trap,              ///< a WebAssembly guest trapped
  invalid_argument,  ///< the caller's input is wrong: a bad policy, module, URL or path
  not_found,         ///< no such file, command, module, function or image
  already_exists,    ///< a create-only write found the name taken
  too_large,         ///< a file, body or request is beyond its size limit
  limit,             ///< another limit was reached: calls, handles, bytes written, concurrent runs
  io,                ///< the operating system or the network reported a failure
  cancelled,         ///< the caller's stop token was triggered
  unavailable,       ///< this machine or this build cannot do it
  internal,          ///< a defect of OmniSandbox; please report it
};

/// The stable name of a kind, as it stands in JSON: "timeout", "memory", …
std::string_view to_string(ErrorKind kind) noexcept;

/// A policy's "no". A value, never an exception.
struct Denial {
  Capability capability{};
  std::string resource;  ///< what was asked for, as the caller wrote it
  std::string rule;  ///< the rule that refused, e.g. `allowed_paths[1] "**/.git" (none)`; empty: no
                     ///< rule allows
  std::string reason;  ///< one sentence: why
  std::string remedy;  ///< the policy line, or the change of one, that would allow it; empty where
                       ///< nothing can

  bool operator==(const Denial&) const = default;
};

/// Everything a caller needs to act on a failure. `message` says what was being done, what refused
/// it and what to do next; it contains no newline or control character that came from outside.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  std::string resource;            ///< path, host, command or module concerned; may be empty
  int system_errno = 0;            ///< errno where a system call failed, otherwise 0
  std::optional<Denial> denial{};  ///< set exactly when `kind` is `denied` by a policy

  static Error from_denial(Denial denial);
  /// `operation` names the system call or step, e.g. "openat2". Kind follows errno (ENOENT →
  /// not_found, …).
  static Error from_errno(int error_number, std::string_view operation, std::string_view resource);
};

}  // namespace omnisandbox
