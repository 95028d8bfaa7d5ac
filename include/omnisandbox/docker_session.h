#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

struct DockerSessionOptions {
  /// After it the container is removed, whatever runs in it; at most 24 hours.
  std::chrono::milliseconds time_to_live{600'000};
  /// Ends the session, and a command that runs in it.
  std::stop_token stop{};
  std::function<void(const PullProgress&)> on_pull{};
};

/// What was copied.
struct CopiedFiles {
  std::uint64_t files = 0;
  std::uint64_t folders = 0;
  std::uint64_t bytes = 0;
  std::uint64_t left_out = 0;  ///< symbolic links, devices, sockets, pipes
};

/// Several commands in one container, made by DockerSandbox::open_session. Files stay from one
/// command to the next; processes do not: when a command ends, so does all that it started. The
/// container, with its mounts and its network, is judged when the session is opened; each command
/// is judged and recorded like a run of its own, with its own deadline and output limits. Thread
/// rule: every member function may be called from any thread, but not from a callback of one of its
/// own runs; one command or copy at a time, others wait for it.
class DockerSession {
 public:
  DockerSession(DockerSession&&) noexcept;
  DockerSession& operator=(DockerSession&&) noexcept;
  ~DockerSession();  ///< closes it

  /// As DockerSandbox::run, and `denied` besides where the command's rule gives it less memory than
  /// the container has, or no network where the container has one. `peak_memory_bytes` is that of
  /// the session so far. `unavailable` once the session is over: closed, past its time, left in
  /// disorder by a command whose processes could not be ended, or found to show something that the
  /// policy hid or narrowed when it was opened (another file was put in its place meanwhile).
  Expected<Result> run(std::string_view command, std::vector<std::string> args = {},
                       DockerRunOptions options = {});
  Expected<Result> run_shell(std::string_view script, DockerRunOptions options = {});
  Expected<Result> run_with_stdin(std::string_view command, std::vector<std::string> args,
                                  std::string stdin_data, DockerRunOptions options = {});

  /// Copies a file or a folder of this machine into the container, with the rights of its user: a
  /// file becomes the file at `container_path`, what a folder holds goes into the folder there, and
  /// missing folders are made. Every file of this machine needs `fs_read`; what the policy hides is
  /// left alone, and so are symbolic links in a folder. Errors: `denied`; `not_found`; `too_large`
  /// beyond max_file_bytes (one file), max_write_bytes (all together) or max_files_created; `io`
  /// with the path inside; those of `run`. What was copied before an error stays.
  Expected<CopiedFiles> copy_in(std::string_view host_path, std::string_view container_path);
  /// The other way: every file and folder of this machine needs `fs_write`, and is judged by the
  /// name that it gets. New files have no execute permission, whatever the container says.
  Expected<CopiedFiles> copy_out(std::string_view container_path, std::string_view host_path);

  /// Ends what runs and removes the container; an error where the engine does not say that it is
  /// gone. A second call does nothing.
  Expected<void> close();
  bool is_open() const noexcept;

  class Impl;
  explicit DockerSession(std::unique_ptr<Impl> impl);  ///< for DockerSandbox

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox
