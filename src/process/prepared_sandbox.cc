#include "process/prepared_sandbox.h"

#include <linux/sched.h>
#include <poll.h>

#include <utility>

#include "base/try.h"
#include "linux/channels.h"
#include "linux/message_socket.h"
#include "linux/terminal_pair.h"

namespace omnisandbox::process {
namespace {

constexpr std::uint64_t all_namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                                         CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
// What the launcher needs to put up the walls (capabilities(7)): SETPCAP, NET_ADMIN, SYS_ADMIN.
constexpr std::uint64_t launcher_capabilities = (1ULL << 8) | (1ULL << 12) | (1ULL << 21);
// A command that writes much is woken less often.
constexpr std::size_t wide_pipe_bytes = 1024 * 1024;

}  // namespace

Expected<std::unique_ptr<PreparedSandbox>> PreparedSandbox::start(const linux_::Fd& launcher,
                                                                  RunCgroup cgroup, LaunchPlan plan,
                                                                  Streams streams,
                                                                  const CommandStart* command) {
  std::unique_ptr<PreparedSandbox> sandbox(new PreparedSandbox(std::move(cgroup), std::move(plan)));
  sandbox->started_at = std::chrono::steady_clock::now();
  std::string messages = framed(encode(sandbox->plan_));
  if (command != nullptr) {
    messages += framed(encode(*command));
  }
  TRY(sandbox->spawn(launcher, streams, messages));
  return sandbox;
}

Expected<void> PreparedSandbox::spawn(const linux_::Fd& program, Streams streams,
                                      std::string_view messages) {
  linux_::SocketPair channel = TRY(linux_::make_stream_socket_pair());
  // As much as the channel takes waits there when the launcher starts: it does not sleep until this
  // thread runs again.
  const linux_::Transfer early = TRY(linux_::send_now(channel.left, messages, nullptr));
  linux_::Pipe for_signals = TRY(linux_::make_pipe());
  // The command's ends, open until it has them.
  linux_::Fd given_input;
  linux_::Fd given_output;
  linux_::Fd given_errors;
  if (streams == Streams::terminal) {
    linux_::TerminalPair terminal = TRY(linux_::make_terminal_pair());
    given_input = std::move(terminal.inner);
    output = std::move(terminal.outer);
    TRY(linux_::set_nonblocking(output));
    input = TRY(linux_::duplicate(output));
  } else {
    linux_::Pipe in = TRY(linux_::make_pipe());
    linux_::Pipe out = TRY(linux_::make_pipe());
    linux_::Pipe err = TRY(linux_::make_pipe());
    for (const linux_::Fd* end : {&in.write_end, &out.read_end, &err.read_end}) {
      TRY(linux_::set_nonblocking(*end));
    }
    linux_::widen_pipe(out.read_end, wide_pipe_bytes);
    input = std::move(in.write_end);
    output = std::move(out.read_end);
    errors = std::move(err.read_end);
    given_input = std::move(in.read_end);
    given_output = std::move(out.write_end);
    given_errors = std::move(err.write_end);
  }
  const bool has_namespaces = plan_.tier == Tier::namespaces;
  launcher = TRY(
      linux_::spawn({.program = &program,
                     .args = {"omnisandbox-launcher"},
                     .environment = {},
                     .files = {&given_input, given_output.is_open() ? &given_output : &given_input,
                               given_errors.is_open() ? &given_errors : &given_input,
                               &channel.right, &for_signals.read_end},
                     .namespaces = has_namespaces ? all_namespaces : 0,
                     .cgroup = cgroup_.birth_place(),
                     .entered_groups = cgroup_.entrances(),
                     .kept_capabilities = launcher_capabilities}));
  if (has_namespaces) {
    mounts = launcher.mount_namespace();
  }
  control = std::move(channel.left);
  signals = std::move(for_signals.write_end);
  TRY(linux_::set_nonblocking(signals));
  // A launcher that ends early closes the channel; its report says more than this failure.
  channel.right.reset();
  if (early.bytes < messages.size() && !linux_::send_all(control, messages.substr(early.bytes))) {
    launcher.kill();
  }
  return {};
}

void PreparedSandbox::start_command(const CommandStart& start) const {
  if (!linux_::send_all(control, framed(encode(start)))) {
    launcher.kill();
  }
}

void PreparedSandbox::end() const noexcept {
  // The launcher kills and counts all the others before it ends. One that still puts up walls does
  // not listen: it is killed a little later.
  linux_::finish_sending(control);
}

PreparedSandbox::~PreparedSandbox() {
  if (plan_.tier == Tier::landlock_only && launcher.handle().is_open() && control.is_open()) {
    // Killed at once, it would leave its descendants to the system.
    end();
    pollfd ended{launcher.handle().get(), POLLIN, 0};
    static_cast<void>(::poll(&ended, 1, static_cast<int>(patience_after_kill.count())));
  }
  launcher = linux_::ChildProcess();
}

}  // namespace omnisandbox::process
