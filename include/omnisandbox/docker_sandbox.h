#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/config.h"
#include "omnisandbox/docker_config.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

class DockerSession;
struct DockerSessionOptions;

/// What an engine reports while it fetches an image: one layer's state, or, without a layer, a line
/// for people. The texts are the engine's, made printable.
struct PullProgress {
  std::string layer{};   ///< its short id; may be empty
  std::string status{};  ///< "Downloading", "Extracting", "Pull complete", …
  std::uint64_t current_bytes = 0;
  std::uint64_t total_bytes = 0;  ///< 0: not known
};

struct DockerSandboxOptions {
  std::shared_ptr<AuditSink> audit{};
  /// "unix:///run/docker.sock". Empty: what DOCKER_HOST names, else the usual sockets.
  std::string engine{};
  /// The program `omnisandbox-container-init`, which runs first in each container. Empty: beside
  /// the running executable, in its ../libexec/omnisandbox, or in the install prefix. The engine
  /// must see it under the same path.
  std::string init_program{};
  /// So many containers stand ready for the next commands, each for one run; made and refilled in
  /// the background. Each is a sleeping process and what the engine keeps for it. 0: none.
  std::size_t warm_containers = 0;
  /// The file with credentials of registries, as `docker login` writes it. Empty:
  /// $DOCKER_CONFIG/config.json, else ~/.docker/config.json.
  std::string registry_config{};
};

/// A file or a folder that is copied from one side to the other, as DockerSession::copy_in and
/// copy_out do it.
struct DockerCopy {
  std::string host_path;
  std::string container_path;
};

/// One command's input.
struct DockerRunOptions {
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};  ///< added to the policy's and the image's
  /// Inside the container. Empty: the rule's, else the image's.
  std::string working_dir{};
  /// Shortens the policy's timeout, never lengthens it.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
  /// Called with each piece of output as it comes, from the calling thread, up to max_output_bytes
  /// of each stream. One that blocks holds up the answer, and not the command's end at its deadline
  /// or after a stop; it is not called again then.
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  /// After a stop the command gets SIGTERM and this long to end by itself; then all is killed.
  std::chrono::milliseconds stop_grace{};
  /// Called from the calling thread while the engine fetches the image, where docker.pull lets it.
  std::function<void(const PullProgress&)> on_pull{};
  /// Copied before the command begins; where one fails, the command does not run.
  std::vector<DockerCopy> copy_in{};
  /// Copied after the command has ended by itself, whatever its exit code; where one fails, the
  /// Result is `denied` or `failed` and says why.
  std::vector<DockerCopy> copy_out{};
};

/// Runs commands in containers, each in a new one that is removed afterwards. The policy rules: a
/// mount needs fs_read, and fs_write where it can be written, and lies in an allowed path; a
/// network needs net_http, and reaches allowed hosts alone, through the proxy; the command needs
/// exec_run and a rule, by its name. Environment, arguments and input never appear in what the
/// engine tells others of the container. Thread rule: every member function may be called from any
/// thread.
class DockerSandbox {
 public:
  /// `unavailable` where the first program of containers is missing, or the policy demands an audit
  /// sink and there is none; `invalid_argument` and `denied` for what the policy refuses of the
  /// container. The engine is not asked for yet, unless containers are to stand ready.
  static Expected<DockerSandbox> create(DockerConfig docker, Config config,
                                        DockerSandboxOptions options = {});
  static Expected<DockerSandbox> create(DockerConfig docker, Policy policy,
                                        DockerSandboxOptions options = {});
  DockerSandbox(DockerSandbox&&) noexcept;
  DockerSandbox& operator=(DockerSandbox&&) noexcept;
  ~DockerSandbox();  // runs must have ended

  /// Runs a command of the image that the policy lists; no shell is involved. A Result says how it
  /// ended: an exit code of 128 + N stands for the end by signal N; status `failed` with 127 or 126
  /// says that the image has no such command, or that it cannot be run. Errors: `denied`;
  /// `not_found` for the image; `unavailable` where the engine is not there, goes away or makes
  /// another container than asked for; `timeout` and `cancelled` before the command began.
  Expected<Result> run(std::string_view command, std::vector<std::string> args = {},
                       DockerRunOptions options = {});
  /// The script in the image's own `sh -c`: the policy must list `sh`.
  Expected<Result> run_shell(std::string_view script, DockerRunOptions options = {});
  Expected<Result> run_with_stdin(std::string_view command, std::vector<std::string> args,
                                  std::string stdin_data, DockerRunOptions options = {});

  /// Makes a container for several commands (omnisandbox/docker_session.h). It may outlive this
  /// object. Errors: `invalid_argument` for its time to live; `denied` besides without exec_run;
  /// those of `run` before the command.
  Expected<DockerSession> open_session(const DockerSessionOptions& options);

  /// Fetches or loads the image now, as a run would; returns what runs by it: "name@sha256:…", or
  /// the image's id where it came from no registry. Errors: those of `run` before the command.
  Expected<std::string> prepare_image(std::function<void(const PullProgress&)> on_pull = {},
                                      std::stop_token stop = {});

  const Policy& policy() const noexcept;

  class Impl;

 private:
  explicit DockerSandbox(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox
