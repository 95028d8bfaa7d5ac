#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "omnisandbox/capability.h"

namespace omnisandbox {

/// A setting that knows whether the user chose it. Reads and compares as its value; `is_set` tells
/// a written 16 from the default 16, which matters where sandboxes have different defaults.
template <class T>
class Defaulted {
 public:
  static constexpr Defaulted with_default(T value) {
    Defaulted result(std::move(value));
    result.is_set_ = false;
    return result;
  }
  template <std::convertible_to<T> U>
  requires(!std::same_as<std::remove_cvref_t<U>, Defaulted>)  // a copy keeps `is_set`
      constexpr Defaulted(U&& value)
      : value_(static_cast<T>(std::forward<U>(value))), is_set_(true) {}
  constexpr operator const T&() const { return value_; }
  constexpr const T& value() const { return value_; }
  constexpr bool is_set() const { return is_set_; }
  bool operator==(const Defaulted&) const = default;
  /// Against a plain value only the value counts: `Config{}.memory_limit_mb == 16` holds.
  template <std::convertible_to<T> U>
  requires(!std::same_as<U, Defaulted>) constexpr bool operator==(const U& value) const {
    return value_ == static_cast<T>(value);
  }

 private:
  T value_;
  bool is_set_;
};

/// What a path rule opens. `automatic` means: what the capabilities say.
enum class PathAccess : std::uint8_t { automatic, none, read, read_write };

/// One entry of `allowed_paths`. `path` is absolute (a folder with everything under it, or a single
/// file), "*" for everything, or, with access `none`, a pattern such as "**/.git".
struct PathRule {
  std::string path;
  PathAccess access = PathAccess::automatic;
  std::string guest_path;  ///< the name guests see; empty: the same as on the host

  PathRule(const char* path_text) : path(path_text) {}
  PathRule(std::string path_text, PathAccess path_access = PathAccess::automatic,
           std::string path_in_guest = {})
      : path(std::move(path_text)), access(path_access), guest_path(std::move(path_in_guest)) {}
  bool operator==(const PathRule&) const = default;
};

/// One entry of `allowed_hosts`. `host` is a name, "*.example.com" (one or more labels, not the
/// apex), an IP address, a CIDR range, "localhost" or "*"; it may carry a scheme, a port, a port
/// range and a path prefix: "https://files.example.net:8443/public/", "10.0.0.0/8:8000-8999".
/// Without a port: 443 and 80.
struct HostRule {
  std::string host;
  std::vector<std::string> methods;  ///< empty: every method but CONNECT and TRACE
  std::vector<std::string>
      addresses;  ///< CIDR ranges of non-public addresses that this *name* may resolve to

  HostRule(const char* host_text) : host(host_text) {}
  HostRule(std::string host_text, std::vector<std::string> allowed_methods = {},
           std::vector<std::string> resolved_addresses = {})
      : host(std::move(host_text)),
        methods(std::move(allowed_methods)),
        addresses(std::move(resolved_addresses)) {}
  bool operator==(const HostRule&) const = default;
};

/// One entry of `allowed_commands`. `command` is a bare name, looked up once on a fixed search
/// path, an absolute path, or "*". Argument rules are advisory: they catch mistakes; only
/// confinement bounds a program.
struct CommandRule {
  std::string command;
  std::vector<std::string> args;  ///< exact first arguments; `{command: git, args: [status]}`
  std::vector<std::string>
      arg_globs;  ///< every further argument must match one of these globs, when there are any
  std::vector<std::string> arg_regexes;  ///< or one of these RE2 expressions (full match)
  std::string working_dir;               ///< empty: the Config's
  std::map<std::string, std::string>
      environment{};  ///< added to the Config's; nothing is inherited
  std::optional<std::chrono::milliseconds> timeout{};
  std::optional<std::uint64_t> memory_limit_mb{};
  bool network = true;  ///< false: this command has no network even where `net_http` is granted

  CommandRule(const char* command_text) : command(command_text) {}
  CommandRule(std::string command_text, std::vector<std::string> first_args = {})
      : command(std::move(command_text)), args(std::move(first_args)) {}
  bool operator==(const CommandRule&) const = default;
};

/// What the user writes: plain data, nothing checked. A limit that is not set takes its default,
/// or, in a narrower policy, the base's. `Policy::compile` validates it. The default grants
/// nothing. Field order is part of the interface: designated initialisers depend on it.
struct Config {
  std::vector<Capability> capabilities{};
  /// MiB over all of a run's memories. When not set: 16 for modules, 128 for interpreters and
  /// commands, 256 for containers.
  Defaulted<std::uint64_t> memory_limit_mb = Defaulted<std::uint64_t>::with_default(16);
  Defaulted<std::chrono::milliseconds> timeout = Defaulted<std::chrono::milliseconds>::with_default(
      std::chrono::seconds(30));  ///< wall time of a run
  std::vector<PathRule> allowed_paths{};
  std::vector<HostRule> allowed_hosts{};
  std::vector<CommandRule> allowed_commands{};
  std::optional<std::uint64_t>
      fuel_limit{};  ///< WebAssembly fuel units (about one an instruction); unset: not metered
  std::string working_dir{};  ///< of commands; empty: the first allowed folder, else "/"
  Defaulted<std::uint64_t> max_output_bytes = Defaulted<std::uint64_t>::with_default(
      1024 * 1024);  ///< kept of stdout and of stderr, each; the rest is counted
  std::optional<std::uint64_t>
      max_file_bytes{};  ///< largest file read or written; unset: max_output_bytes
  std::optional<std::uint64_t>
      max_response_bytes{};  ///< largest HTTP body after decompression; unset: max_output_bytes
  Defaulted<std::uint64_t> max_write_bytes = Defaulted<std::uint64_t>::with_default(
      256 * 1024 * 1024);  ///< written to files in one run, all together
  Defaulted<std::uint64_t> max_files_created =
      Defaulted<std::uint64_t>::with_default(10'000);  ///< files and folders created in one run
  std::optional<std::chrono::milliseconds>
      cpu_time_limit{};  ///< of a run's whole process tree; unset: wall time bounds it
  Defaulted<std::uint32_t> max_processes =
      Defaulted<std::uint32_t>::with_default(64);  ///< of a command's tree
  Defaulted<std::uint32_t> max_open_files =
      Defaulted<std::uint32_t>::with_default(256);  ///< of a guest or a process
  Defaulted<std::uint32_t> max_concurrent_runs = Defaulted<std::uint32_t>::with_default(
      64);  ///< of one Runtime; one more waits until its deadline
  Defaulted<std::uint64_t> max_host_calls =
      Defaulted<std::uint64_t>::with_default(1'000'000);  ///< host-function calls of one run
  std::map<std::string, std::string>
      environment{};              ///< of guests and commands; nothing is inherited
  bool allow_hard_links = false;  ///< true: writes may go to files with more than one name
  bool audit_required = false;    ///< true: without a working audit sink nothing runs
  bool allow_secrets =
      false;  ///< true: the built-in secret patterns (see `policy explain`) do not apply

  bool operator==(const Config&) const = default;
};

}  // namespace omnisandbox
