#include "docker/container_run.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/container_outcome.h"
#include "docker/kept_output.h"
#include "docker/marked_stream.h"
#include "linux/channels.h"
#include "linux/message_socket.h"
#include "linux/random.h"
#include "linux/timely_end.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t read_buffer_bytes = 256 * 1024;
// After its input has ended, the first process ends the command and says so within a few
// milliseconds; past this the engine is asked to.
constexpr milliseconds patience_after_end{400};
// In a session the engine passes the word on, and the next command depends on it.
constexpr milliseconds session_patience_after_end{3000};
// For the engine's calls while the run ends.
constexpr std::chrono::seconds engine_time{10};

void append_text(std::string& target, std::string_view text) {
  target += text;
  target += '\0';
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

class Run {
 public:
  Run(Container& container, const ContainerJob& job)
      : container_(container),
        job_(job),
        patience_(job.is_last == IsLast::yes ? patience_after_end : session_patience_after_end),
        stdout_(job.max_output_bytes, in_time(job.on_stdout)),
        stderr_(job.max_output_bytes, in_time(job.on_stderr)),
        stdout_marked_(sizeof(init::End), [this](std::string_view piece) { stdout_.add(piece); }),
        stderr_marked_(sizeof(init::Ending),
                       [this](std::string_view piece) { stderr_.add(piece); }),
        streams_([this](OutputStream stream, std::string_view piece) {
          (stream == OutputStream::standard_output ? stdout_marked_ : stderr_marked_).feed(piece);
        }) {}

  Expected<Result> run() {
    TRY(pack_job());
    container_.begin_job();
    TRY(serve());
    finish_input();
    stdout_marked_.finish();
    stderr_marked_.finish();
    return result();
  }

 private:
  Expected<void> pack_job() {
    init::Job header;
    TRY(linux_::fill_random(header.token));
    std::string text;
    append_text(text, job_.working_dir);
    append_text(text, job_.command);
    bool is_clean = !has_nul(job_.working_dir) && !has_nul(job_.command) && !job_.command.empty();
    for (const std::string& argument : job_.args) {
      append_text(text, argument);
      is_clean = is_clean && !has_nul(argument);
    }
    for (const auto& [name, value] : job_.environment) {
      append_text(text, fmt::format("{}={}", name, value));
      is_clean = is_clean && !has_nul(name) && !has_nul(value) && !name.empty() &&
                 name.find('=') == std::string::npos;
    }
    if (!is_clean) {
      return base::make_error(ErrorKind::invalid_argument,
                              "arguments and variables hold no NUL, and a name no \"=\"");
    }
    if (text.size() > init::max_job_bytes) {
      return base::make_error(ErrorKind::too_large,
                              "arguments and environment take {} bytes, and at most {} can be "
                              "passed",
                              text.size(), init::max_job_bytes);
    }
    header.text_bytes = static_cast<std::uint32_t>(text.size());
    header.argument_count = static_cast<std::uint32_t>(job_.args.size() + 1);
    header.variable_count = static_cast<std::uint32_t>(job_.environment.size());
    if (job_.cpu_time) {
      header.cpu_time_limit_us = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(*job_.cpu_time).count());
    }
    header.is_last = job_.is_last == IsLast::yes ? 1 : 0;
    token_ = header.token;
    stdout_marked_.expect(token_);
    stderr_marked_.expect(token_);
    outgoing_.assign(reinterpret_cast<const char*>(&header), sizeof header);
    outgoing_ += text;
    append_frame();
    return {};
  }

  /// The next piece of input, or its end.
  void append_frame() {
    const std::string_view rest = job_.stdin_data.substr(stdin_done_);
    const std::string_view piece =
        rest.substr(0, std::min<std::size_t>(rest.size(), init::max_frame_bytes));
    const init::InputFrame frame{
        .kind = piece.empty() ? init::FrameKind::end_of_input : init::FrameKind::data,
        .size_bytes = static_cast<std::uint32_t>(piece.size())};
    outgoing_.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    outgoing_ += piece;
    stdin_done_ += piece.size();
    is_input_over_ = piece.empty();
    if (!is_input_over_ && stdin_done_ == job_.stdin_data.size()) {
      append_frame();
    }
  }

  bool is_complete() const { return stdout_marked_.tail() && stderr_marked_.tail(); }

  /// The callback, until it has held the run up beyond its time; then nothing more is told to it.
  std::function<void(std::string_view)> in_time(
      const std::function<void(std::string_view)>& callback) const {
    if (!callback) {
      return {};
    }
    return [this, &callback](std::string_view piece) {
      if (!is_ended_in_time()) {
        callback(piece);
      }
    };
  }

  bool is_ended_in_time() const {
    return timely_end_ != nullptr && timely_end_->cause() != linux_::TimelyEnd::Cause::none;
  }

  Expected<void> serve() {
    if (job_.on_stdout || job_.on_stderr) {
      timely_end_ = TRY(linux_::TimelyEnd::watch([this] { end_command(); }, job_.deadline,
                                                 job_.stop, job_.stop_grace));
    }
    const linux_::WakeUp wake_up = TRY(linux_::WakeUp::create());
    const std::stop_callback on_stop(job_.stop, [&wake_up] { wake_up.wake(); });
    std::vector<char> buffer(read_buffer_bytes);
    while (!is_complete() && !is_stream_over_ && !is_given_up_) {
      std::array<pollfd, 2> files = {
          pollfd{container_.stream().socket.get(),
                 static_cast<short>(POLLIN | (outgoing_.empty() ? 0 : POLLOUT)), 0},
          pollfd{stopped_at_ ? -1 : wake_up.handle().get(), POLLIN, 0}};
      if (::poll(files.data(), files.size(), wait_ms()) < 0 && errno != EINTR) {
        return Error::from_errno(errno, "poll", container_.id());
      }
      if ((files[0].revents & POLLOUT) != 0) {
        TRY(send());
      }
      if ((files[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        TRY(receive(buffer));
      }
      note_timely_end();
      if (!is_complete()) {
        check_time();
      }
    }
    return {};
  }

  /// It was a callback that held this thread up.
  void note_timely_end() {
    if (!is_ended_in_time() || ended_at_) {
      return;
    }
    end_ =
        timely_end_->cause() == linux_::TimelyEnd::Cause::stop ? RunEnd::stopped : RunEnd::deadline;
    drop_input_of_last();
    ended_at_ = Clock::now();
  }

  Expected<void> send() {
    auto sent = linux_::send_now(container_.stream().socket,
                                 std::string_view(outgoing_).substr(outgoing_done_), nullptr);
    if (!sent || sent->kind == linux_::Transfer::Kind::ended) {
      // What was said before still comes.
      is_input_lost_ = true;
      drop_input();
      return {};
    }
    outgoing_done_ += sent->kind == linux_::Transfer::Kind::moved ? sent->bytes : 0;
    if (outgoing_done_ == outgoing_.size()) {
      outgoing_.clear();
      outgoing_done_ = 0;
      if (!is_input_over_) {
        append_frame();
      }
    }
    return {};
  }

  Expected<void> receive(std::span<char> buffer) {
    auto moved = linux_::receive_now(container_.stream().socket, buffer);
    if (!moved || moved->kind == linux_::Transfer::Kind::ended) {
      is_stream_over_ = true;
      return {};
    }
    if (moved->kind == linux_::Transfer::Kind::moved) {
      TRY(streams_.feed(std::string_view(buffer.data(), moved->bytes)));
    }
    return {};
  }

  void drop_input() {
    outgoing_.clear();
    outgoing_done_ = 0;
    is_input_over_ = true;
  }

  int wait_ms() const {
    auto until = job_.deadline;
    if (ended_at_) {
      until = *ended_at_ + patience_;
    } else if (stopped_at_) {
      until = std::min(until, *stopped_at_ + job_.stop_grace);
    }
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }

  void check_time() {
    const auto now = Clock::now();
    if (ended_at_) {
      is_given_up_ = now >= *ended_at_ + patience_;
      return;
    }
    if (job_.stop.stop_requested() && !stopped_at_) {
      stopped_at_ = now;
      if (job_.stop_grace.count() > 0) {
        // Where it cannot be sent, all is ended after the same time.
        static_cast<void>(container_.engine().send_signal(
            container_.id(), "SIGTERM", {.until = now + job_.stop_grace, .stop = {}}));
      }
    }
    if (stopped_at_ && now >= *stopped_at_ + job_.stop_grace) {
      end(RunEnd::stopped);
    } else if (now >= job_.deadline) {
      end(RunEnd::deadline);
    }
  }

  void end(RunEnd why) {
    timely_end_.reset();  // once is enough
    end_ = why;
    drop_input_of_last();
    end_command();
    ended_at_ = Clock::now();
  }

  void drop_input_of_last() {
    if (job_.is_last == IsLast::yes) {
      drop_input();
    }
  }

  /// Ends the input: the first process ends everything. In a session it is told to end this command
  /// alone, and does not answer in time where the engine does not tell it. From any thread.
  void end_command() const {
    if (job_.is_last == IsLast::yes) {
      linux_::finish_sending(container_.stream().socket);
    } else {
      static_cast<void>(
          container_.engine().send_signal(container_.id(), init::end_command_signal_name,
                                          {.until = Clock::now() + patience_, .stop = {}}));
    }
  }

  /// In a session the next job follows on the same stream: a frame that has begun is sent to its
  /// end, and after it the end of the input. The first process skips both.
  void finish_input() {
    if (job_.is_last == IsLast::yes || !is_complete() || !streams_.is_between_frames()) {
      return;
    }
    init::Ending ending;
    std::memcpy(&ending, stderr_marked_.tail()->data(), sizeof ending);
    if (ending.has_survivors != 0 || ending.cause == init::Cause::host_gone) {
      return;
    }
    if (!is_input_over_) {
      const init::InputFrame frame{.kind = init::FrameKind::end_of_input};
      outgoing_.append(reinterpret_cast<const char*>(&frame), sizeof frame);
      is_input_over_ = true;
    }
    const auto until = Clock::now() + patience_;
    while (!outgoing_.empty()) {
      const auto ready =
          linux_::wait_until_ready(container_.stream().socket, linux_::Readiness::to_write, until);
      if (!ready || !*ready || !send() || is_stream_over_) {
        return;
      }
    }
    if (!is_input_lost_) {
      container_.end_job();
    }
  }

  Expected<Result> result() {
    RunFacts facts{.job = job_, .end = end_};
    if (stderr_marked_.tail()) {
      init::Ending ending;
      std::memcpy(&ending, stderr_marked_.tail()->data(), sizeof ending);
      facts.ending = ending;
    } else if (end_ == RunEnd::none) {
      TRY(ask_the_engine(facts));
    }
    Result result;
    result.sandbox = {.kind = "docker", .layers = container_.layers()};
    result.stdout_bytes = stdout_.total_bytes();
    result.stdout_truncated = stdout_.is_truncated();
    result.stdout_data = stdout_.take();
    result.stderr_bytes = stderr_.total_bytes();
    result.stderr_truncated = stderr_.is_truncated();
    result.stderr_data = stderr_.take();
    set_outcome(result, facts);
    return result;
  }

  /// The first process itself was ended: by the kernel for memory, by somebody else, or the engine
  /// is gone.
  Expected<void> ask_the_engine(RunFacts& facts) {
    const Patience patience{.until = Clock::now() + engine_time, .stop = {}};
    Engine& engine = container_.engine();
    auto code = engine.wait(container_.id(), patience);
    if (!code) {
      return base::make_error(ErrorKind::unavailable,
                              "the engine went away while the command ran, and how it ended is not "
                              "known: {}",
                              code.error().message);
    }
    const auto state = TRY(engine.state(container_.id(), patience));
    facts.engine_exit_code = *code;
    facts.memory_flag = state.ran_out_of_memory;
    facts.memory_event =
        TRY(engine.had_memory_event(container_.id(), container_.created_s(), patience));
    return {};
  }

  Container& container_;
  const ContainerJob& job_;
  const milliseconds patience_;
  std::unique_ptr<linux_::TimelyEnd> timely_end_;  // where there are callbacks
  KeptOutput stdout_;
  KeptOutput stderr_;
  MarkedStream stdout_marked_;
  MarkedStream stderr_marked_;
  StreamDemultiplexer streams_;
  init::Token token_{};
  std::string outgoing_;
  std::size_t outgoing_done_ = 0;
  std::size_t stdin_done_ = 0;
  bool is_input_over_ = false;
  bool is_input_lost_ = false;
  bool is_stream_over_ = false;
  bool is_given_up_ = false;
  RunEnd end_ = RunEnd::none;
  std::optional<Clock::time_point> stopped_at_;
  std::optional<Clock::time_point> ended_at_;
};

}  // namespace

Expected<Result> run_in(Container& container, const ContainerJob& job) {
  return Run(container, job).run();
}

}  // namespace omnisandbox::docker
