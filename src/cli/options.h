#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/interpreter.h"
#include "runner/backend.h"

namespace omnisandbox::cli {

/// Of the commands of `audit`: which records, as it was written.
struct AuditChoice {
  std::optional<std::string> since{};
  std::optional<std::string> until{};
  std::optional<std::string> capability{};
  std::optional<std::string> answer{};
  std::optional<std::string> run_id{};
  std::size_t last_count = 10;
  bool follow = false;
};

/// What was written on the command line, each value converted and nothing looked up yet.
struct Options {
  std::string command;  ///< "run", "call fs_read", "policy check", …
  std::vector<std::string>
      operands;  ///< TARGET and its arguments, PATH, URL, …; passed on as they are
  bool json = false;
  std::optional<std::string> policy_file{};
  std::optional<std::string> audit_file{};
  std::optional<unsigned> kept_audit_files{};
  unsigned kept_audit_files_or_default() const {
    return kept_audit_files.value_or(default_kept_audit_files);
  }
  std::optional<std::chrono::milliseconds> timeout{};
  // Of `run`:
  std::optional<runner::SandboxKind> sandbox{};
  bool asks_machine = false;  ///< `--sandbox auto` was written
  runner::IsolationChoice isolation = runner::IsolationChoice::automatic;
  std::optional<std::string> stdin_from{};  ///< a file, or "-" for our own
  std::map<std::string, std::string> environment{};
  bool explain = false;
  std::string image{};
  std::optional<NetworkMode> network{};
  std::vector<DockerCopy> copy_in{};
  std::vector<DockerCopy> copy_out{};
  std::optional<PullPolicy> pull{};
  // Of `compile`:
  std::optional<std::string> output_file{};
  // Of `eval`:
  Language language = Language::python;
  std::optional<std::string> code_file{};
  // Of `mcp`:
  std::optional<std::string> http_address{};  ///< HOST:PORT; unset: standard input and output
  std::optional<std::string> token_file{};
  bool no_token = false;
  std::vector<std::string> allowed_http_hosts{};
  std::vector<std::string> allowed_origins{};
  std::optional<std::string> tools_folder{};
  AuditChoice audit{};
  // Of `call http_fetch`:
  std::optional<std::string> method{};
  std::vector<HttpHeader> headers{};
  std::optional<std::string> data{};
};

}  // namespace omnisandbox::cli
