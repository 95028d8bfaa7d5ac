#include "docker/init/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "docker/init/counters.h"
#include "docker/init/streams.h"

extern char** environ;

namespace omnisandbox::docker::init {
namespace {

constexpr int exit_not_found = 127;
constexpr int exit_cannot_run = 126;
constexpr int exit_signal_base = 128;
constexpr int exit_wrong_use = 125;
// How long processes have to vanish after SIGKILL. Those of another user (a setuid program, where
// that is not forbidden) vanish with this process.
constexpr int patience_ms = 200;
constexpr int cpu_look_ms = 50;
constexpr char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct StartFailure {
  Step step = Step::none;
  int error_number = 0;
};

struct CommandText {
  CommandText() = default;
  CommandText(const CommandText&) = delete;
  CommandText& operator=(const CommandText&) = delete;
  ~CommandText() {
    std::free(static_cast<void*>(arguments));
    std::free(static_cast<void*>(variables));
  }
  const char* folder = nullptr;
  char** arguments = nullptr;
  char** variables = nullptr;
};

char** array_of(std::uint32_t count) {
  return static_cast<char**>(std::calloc(std::size_t{count} + 1, sizeof(char*)));
}

// Variables of the job replace those of the image.
void set_variables(char** variables) {
  for (; *variables != nullptr; ++variables) {
    const char* equals = std::strchr(*variables, '=');
    if (equals != nullptr && equals != *variables) {
      ::putenv(*variables);
    }
  }
}

bool split(const Job& job, char* text, CommandText& command) {
  const char* end = text + job.text_bytes;
  char* next = text;
  const auto take = [&]() -> char* {
    if (next >= end) {
      return nullptr;
    }
    char* piece = next;
    next += std::strlen(piece) + 1;
    return piece;
  };
  command.folder = take();
  // Each argument takes a byte at least, so that the product stays small.
  if (command.folder == nullptr || job.argument_count == 0 || job.argument_count > job.text_bytes ||
      job.variable_count > job.text_bytes) {
    return false;
  }
  command.arguments = array_of(job.argument_count);
  command.variables = array_of(job.variable_count);
  if (command.arguments == nullptr || command.variables == nullptr) {
    return false;
  }
  for (std::uint32_t index = 0; index < job.argument_count; ++index) {
    command.arguments[index] = take();
    if (command.arguments[index] == nullptr) {
      return false;
    }
  }
  for (std::uint32_t index = 0; index < job.variable_count; ++index) {
    command.variables[index] = take();
    if (command.variables[index] == nullptr) {
      return false;
    }
  }
  return true;
}

// As a shell looks for it (exec(3)), but never hands a file to a shell.
void execute(char** arguments) {
  if (std::strchr(arguments[0], '/') != nullptr) {
    ::execve(arguments[0], arguments, environ);
    return;
  }
  const char* path = std::getenv("PATH");
  if (path == nullptr || *path == '\0') {
    path = default_path;
  }
  int found_error = ENOENT;
  char file[4096];
  while (*path != '\0') {
    const char* colon = ::strchrnul(path, ':');
    const auto length = static_cast<std::size_t>(colon - path);
    const std::size_t name_length = std::strlen(arguments[0]);
    // An empty entry would mean the working folder.
    if (length > 0 && *path == '/' && length + name_length + 2 <= sizeof file) {
      std::memcpy(file, path, length);
      file[length] = '/';
      std::memcpy(file + length + 1, arguments[0], name_length + 1);
      ::execve(file, arguments, environ);
      if (errno != ENOENT && errno != ENOTDIR) {
        found_error = errno;
      }
    }
    path = *colon == '\0' ? colon : colon + 1;
  }
  errno = found_error;
}

[[noreturn]] void be_command(const CommandText& command, int input, int report) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  set_variables(command.variables);
  StartFailure failure;
  if (::dup2(input, 0) < 0) {
    failure = {Step::prepare, errno};
  } else if (::chdir(command.folder) != 0) {
    failure = {Step::enter_folder, errno};
  } else {
    execute(command.arguments);
    failure = {Step::execute, errno};
  }
  write_exactly(report, &failure, sizeof failure);
  ::_exit(exit_cannot_run);
}

char input_buffer[max_frame_bytes];

struct Child {
  pid_t pid = -1;
  int input = -1;  ///< of the command; non-blocking; -1: closed
};

/// Starts the command; returns when it executes or has failed to.
StartFailure start(const CommandText& command, Child& child) {
  int input[2];
  int report[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(report, O_CLOEXEC) != 0) {
    return {Step::prepare, errno};
  }
  child.pid = ::fork();
  if (child.pid < 0) {
    return {Step::prepare, errno};
  }
  if (child.pid == 0) {
    be_command(command, input[0], report[1]);
  }
  ::close(input[0]);
  ::close(report[1]);
  ::fcntl(input[1], F_SETFL, O_NONBLOCK);
  child.input = input[1];
  StartFailure failure;
  if (!read_exactly(report[0], &failure, sizeof failure)) {
    failure = {};
  }
  ::close(report[0]);
  return failure;
}

/// Passes input on, waits for the end of the command, and watches the host and the clock.
class Watch {
 public:
  Watch(const Job& job, Child& child, int signals)
      : job_(job), child_(child), signals_(signals), cpu_before_us_(cpu_time_us()) {}

  void run(Ending& ending) {
    while (!has_ended_) {
      pollfd files[3] = {{0, static_cast<short>(wants_input() ? POLLIN : 0), 0},
                         {pending_size_ > pending_done_ ? child_.input : -1, POLLOUT, 0},
                         {signals_, POLLIN, 0}};
      const int ready = ::poll(files, 3, job_.cpu_time_limit_us > 0 ? cpu_look_ms : -1);
      if (ready < 0 && errno != EINTR) {
        ending.cause = Cause::host_gone;
        return;
      }
      if (job_.cpu_time_limit_us > 0 && cpu_time_us() - cpu_before_us_ > job_.cpu_time_limit_us) {
        ending.cause = Cause::cpu_time;
        return;
      }
      if (ready <= 0) {
        continue;
      }
      if (files[2].revents != 0 && !take_signals(ending)) {
        ending.cause = Cause::told_to_end;
        return;
      }
      if (files[1].revents != 0) {
        feed();
      }
      // A hang-up counts also while input is left that the command does not read.
      const bool is_over = (files[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
      if (!has_ended_ && ((files[0].revents & POLLIN) != 0 || is_over) && !read_input(is_over)) {
        ending.cause = Cause::host_gone;
        return;
      }
    }
  }

  // What is left of this job's input, so that the next job follows. False: the host is gone.
  bool skip_input() {
    while (!has_input_ended_) {
      pending_size_ = pending_done_ = 0;
      close_input();
      if (!read_input(false)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool wants_input() const { return pending_done_ == pending_size_; }

  void close_input() {
    if (child_.input >= 0) {
      ::close(child_.input);
      child_.input = -1;
    }
    pending_size_ = pending_done_ = 0;
  }

  void feed() {
    const ssize_t count =
        ::write(child_.input, pending_ + pending_done_, pending_size_ - pending_done_);
    if (count > 0) {
      pending_done_ += static_cast<std::size_t>(count);
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
      close_input();  // the command reads no more; what comes is dropped
    }
  }

  // False: the host is gone.
  bool read_input(bool is_over) {
    if (!wants_input()) {
      return !is_over;
    }
    InputFrame frame;
    if (!read_exactly(0, &frame, sizeof frame) || frame.size_bytes > max_frame_bytes) {
      return false;
    }
    if (frame.kind == FrameKind::end_of_input) {
      has_input_ended_ = true;
      close_input();
      return true;
    }
    if (!read_exactly(0, pending_, frame.size_bytes)) {
      return false;
    }
    if (child_.input >= 0) {
      pending_size_ = frame.size_bytes;
      pending_done_ = 0;
      feed();
    }
    return true;
  }

  // False: this command is to end.
  bool take_signals(Ending& ending) {
    signalfd_siginfo information;
    bool may_go_on = true;
    while (::read(signals_, &information, sizeof information) ==
           static_cast<ssize_t>(sizeof information)) {
      if (information.ssi_signo == end_command_signal) {
        may_go_on = false;
      } else if (information.ssi_signo != SIGCHLD) {
        ::kill(-child_.pid, static_cast<int>(information.ssi_signo));
      }
    }
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
         pid = ::waitpid(-1, &status, WNOHANG)) {
      if (pid == child_.pid) {
        ending.wait_status = status;
        has_ended_ = true;
      }
    }
    return may_go_on || has_ended_;
  }

  const Job& job_;
  Child& child_;
  const int signals_;
  const std::uint64_t cpu_before_us_;
  char* const pending_ = input_buffer;
  std::size_t pending_size_ = 0;
  std::size_t pending_done_ = 0;
  bool has_ended_ = false;
  bool has_input_ended_ = false;
};

void end_everything(const Child& child, Ending& ending) {
  ::kill(-1, SIGKILL);
  for (int waited_ms = 0; waited_ms < patience_ms;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == ECHILD) {
      return;
    }
    if (pid == child.pid) {
      ending.wait_status = status;
    }
    if (pid == 0) {
      const timespec moment{0, 1'000'000};
      ::nanosleep(&moment, nullptr);
      ++waited_ms;
    }
  }
  ending.has_survivors = 1;
}

int exit_code_of(const Ending& ending) {
  if (ending.failed_step != Step::none) {
    return ending.failed_errno == ENOENT ? exit_not_found : exit_cannot_run;
  }
  return WIFSIGNALED(ending.wait_status) ? exit_signal_base + WTERMSIG(ending.wait_status)
                                         : WEXITSTATUS(ending.wait_status);
}

// Those that the engine passes on; the first process of a container gets no others by default.
int watch_signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal :
       {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, end_command_signal}) {
    sigaddset(&watched, signal);
  }
  ::sigprocmask(SIG_SETMASK, &watched, nullptr);
  const int signals = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  // Those that came for a command before.
  signalfd_siginfo old;
  while (::read(signals, &old, sizeof old) > 0) {
  }
  return signals;
}

}  // namespace

Outcome run_command(const Job& job, char* text) {
  CommandText command;
  if (!split(job, text, command)) {
    return {.exit_code = exit_wrong_use, .may_go_on = false};
  }
  const std::uint64_t cpu_before = cpu_time_us();
  const std::uint64_t kills_before = memory_kills();
  const std::uint64_t refusals_before = task_refusals();
  Ending ending{.end = {.token = job.token}};
  Child child;
  const int signals = watch_signals();
  const StartFailure failure = start(command, child);
  ending.failed_step = failure.step;
  ending.failed_errno = failure.error_number;
  Watch watch(job, child, signals);
  if (failure.step == Step::none) {
    watch.run(ending);
  }
  ::close(signals);
  end_everything(child, ending);
  ending.peak_memory_bytes = peak_memory_bytes();
  ending.cpu_time_us = cpu_time_us() - cpu_before;
  ending.memory_kills = memory_kills() - kills_before;
  ending.task_refusals = task_refusals() - refusals_before;
  const bool is_told =
      write_exactly(1, &ending.end, sizeof ending.end) && write_exactly(2, &ending, sizeof ending);
  return {.exit_code = exit_code_of(ending),
          .may_go_on = is_told && job.is_last == 0 && ending.cause != Cause::host_gone &&
                       ending.has_survivors == 0 && watch.skip_input()};
}

}  // namespace omnisandbox::docker::init
