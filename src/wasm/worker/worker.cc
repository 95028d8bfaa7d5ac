#include "wasm/worker/worker.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "base/utf8.h"
#include "linux/channels.h"
#include "wasm/host_module.h"
#include "wasm/limits.h"
#include "wasm/worker/build_identity.h"
#include "wasm/worker/call_packing.h"
#include "wasm/worker/forwarded_calls.h"
#include "wasm/worker/host_messages.h"

namespace omnisandbox::wasm::worker {
namespace {

using Clock = std::chrono::steady_clock;

// A worker ends its guest at the deadline by itself, and says what it did; this is how long it may
// take for that. Less than the command line waits for the same.
constexpr std::chrono::milliseconds deadline_grace{100};
// Each takes an image of its memory, which is an open file.
constexpr std::size_t max_loaded_modules = 256;
constexpr std::size_t max_answer_bytes = std::size_t{64} * 1024;
constexpr std::size_t max_list_bytes = std::size_t{16} * 1024 * 1024;
// As much as the worker takes: call_packing.h, and room for what goes with the content.
constexpr std::size_t max_host_answer_bytes = max_call_bytes + std::size_t{2} * 1024 * 1024;
// An output piece, and what a host function printed at once.
constexpr std::size_t max_message_bytes = max_call_bytes + std::size_t{4096};

Error nonsense(std::string_view what) {
  return base::make_error(ErrorKind::internal, "the worker process sent {}, and was ended", what);
}

/// Kills the worker when the stop comes, so that every wait for it ends.
class KillOnStop {
 public:
  KillOnStop(const std::stop_token& stop, const linux_::ChildProcess& process)
      : callback_(stop, Kill{&process}) {}

 private:
  struct Kill {
    const linux_::ChildProcess* process;
    void operator()() const noexcept { process->kill(); }
  };
  std::stop_callback<Kill> callback_;
};

// What a worker says about its guest's ending; only what can be true is passed on.
std::optional<Ending> ending_from(const Finished& finished) {
  Ending ending{.status = finished.status, .exit_code = finished.exit_code, .error = {}};
  const bool ended_by_itself = finished.status == Status::ok || finished.status == Status::exited;
  const bool is_possible = finished.status != Status::denied &&
                           finished.status != Status::process_limit &&
                           (finished.status != Status::ok || finished.exit_code == 0) &&
                           finished.error.has_value() == !ended_by_itself &&
                           !(finished.error && finished.error->kind == ErrorKind::denied);
  if (!is_possible) {
    return std::nullopt;
  }
  if (finished.error) {
    ending.error = Error{.kind = finished.error->kind,
                         .message = base::printable(finished.error->message, max_error_text_bytes),
                         .resource = {}};
  }
  return ending;
}

// What a worker returns is shown as JSON or as text, so it must be that, and no more than it may
// be.
bool is_possible_value(RunKind kind, const Finished& finished, std::uint64_t max_bytes) {
  if (!finished.value) {
    return !finished.value_truncated;
  }
  if (finished.value->size() > max_bytes || (kind == RunKind::call && finished.value_truncated)) {
    return false;
  }
  if (finished.status != Status::ok && finished.status != Status::exited) {
    return false;
  }
  return kind == RunKind::call ? nlohmann::json::accept(*finished.value)
                               : kind != RunKind::command && base::is_utf8(*finished.value);
}

// The worker found that nothing can be run, which no run's own ending says.
bool is_refusal(const Error& error) {
  return error.kind == ErrorKind::invalid_argument || error.kind == ErrorKind::not_found;
}

Run message_for(const Task& task, const GuestRun& guest, std::chrono::milliseconds timeout,
                std::chrono::microseconds spin) {
  return {.kind = task.kind,
          .module = task.code == nullptr ? 0 : task.code->number,
          .deadline = guest.context.deadline(),
          .timeout_ms = static_cast<std::uint64_t>(timeout.count()),
          .spin_us = static_cast<std::uint32_t>(spin.count()),
          .args = guest.args,
          .environment = guest.environment,
          .text = std::string(task.text),
          .arguments_json = task.arguments_json,
          .stdin_data = guest.stdin_data};
}

Expected<void> take_output(GuestRun& guest, std::string_view payload) {
  const auto output = decode<Output>(payload);
  if (!output) {
    return nonsense("output that cannot be read");
  }
  OutputCapture& capture = output->stream == 1 ? guest.stdout_capture : guest.stderr_capture;
  capture.append(output->bytes);
  capture.add_dropped(output->dropped_bytes);
  return {};
}

Expected<Finished> read_ending(std::string_view payload) {
  auto finished = decode<Finished>(payload);
  return finished ? Expected<Finished>(std::move(*finished))
                  : Expected<Finished>(nonsense("an ending that cannot be read"));
}

std::string_view without_end_zeros(std::string_view bytes) {
  const std::size_t last = bytes.find_last_not_of('\0');
  return bytes.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

Expected<std::unique_ptr<Worker>> Worker::start(const StartRequest& to_start,
                                                Clock::time_point deadline,
                                                const std::stop_token& stop) {
  linux_::SocketPair sockets = TRY(linux_::make_stream_socket_pair());
  const linux_::Fd null_device = TRY(linux_::open_null_device());
  linux_::SpawnRequest request;
  request.program = &to_start.program;
  request.args = {"omnisandbox-worker", std::to_string(::getpid())};
  // What does not fit into the pipe is lost, and the worker does not wait.
  linux_::Pipe last_words = TRY(linux_::make_pipe());
  TRY(linux_::set_nonblocking(last_words.write_end));
  TRY(linux_::set_nonblocking(last_words.read_end));
  request.files = {&null_device, &null_device, &last_words.write_end, &sockets.right};
  linux_::ChildProcess process = TRY(linux_::spawn(request));
  sockets.right.reset();
  std::unique_ptr<Worker> worker(new Worker(std::move(process),
                                            Channel(std::move(sockets.left), TakeDescriptors::no),
                                            std::move(last_words.read_end)));
  const KillOnStop kill_on_stop(stop, worker->process_);
  auto answer = [&]() -> Expected<Hello> {
    TRY(worker->channel_.send(MessageType::configure, encode(to_start.settings), deadline,
                              to_start.interpreter));
    const auto message = TRY(worker->channel_.receive(max_answer_bytes, deadline));
    auto hello = decode<Hello>(message.payload);
    if (message.type != MessageType::hello || !hello) {
      return nonsense("no greeting");
    }
    return std::move(*hello);
  }();
  if (!answer && stop.stop_requested()) {
    return base::make_error(ErrorKind::cancelled, "cancelled while a worker process started");
  }
  if (!answer && answer.error().kind == ErrorKind::timeout) {
    return base::make_error(ErrorKind::timeout,
                            "the deadline passed while a worker process started");
  }
  if (!answer) {
    return base::make_error(ErrorKind::unavailable, "a worker process did not start: {}",
                            worker->explain(std::move(answer).error()).message);
  }
  if (answer->build != build_identity()) {
    return base::make_error(ErrorKind::unavailable,
                            "the worker program is of another build (\"{}\") than this one "
                            "(\"{}\"); install both from one package",
                            base::printable(answer->build), build_identity());
  }
  if (answer->error) {
    return base::make_error(ErrorKind::unavailable, "a worker process cannot confine itself: {}",
                            base::printable(answer->error->message));
  }
  if ((answer->layers & layer_seccomp) == 0) {
    return base::make_error(ErrorKind::unavailable, "a worker process runs without seccomp");
  }
  worker->layers_ = answer->layers;
  return worker;
}

Error Worker::explain(Error error) {
  usable_ = false;
  if (error.kind == ErrorKind::too_large) {
    return nonsense("a message that is too large");
  }
  if (error.kind != ErrorKind::unavailable) {
    return error;
  }
  has_crashed_ = true;
  // The channel ended; the process has, or is about to.
  process_.kill();
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto ending = process_.reap();
    if (!ending) {
      break;
    }
    if (*ending) {
      const bool by_signal = (*ending)->code != CLD_EXITED;
      const int signal = by_signal ? (*ending)->status : 0;
      if (by_signal && signal != SIGKILL) {
        return why_it_ended(signal);
      }
      break;
    }
    ::usleep(1000);
  }
  return base::make_error(ErrorKind::internal, "the worker process ended unexpectedly");
}

Error Worker::why_it_ended(int signal) const {
  // Of Rust's standard library, when an allocation is refused (alloc::handle_alloc_error).
  constexpr std::string_view refused_allocation = "memory allocation of ";
  std::array<char, 4096> text{};
  const auto read = linux_::read_available(last_words_, text);
  const std::string_view said(text.data(), read ? read->bytes : 0);
  if (signal == SIGABRT && said.find(refused_allocation) != std::string_view::npos) {
    return base::make_error(
        ErrorKind::memory,
        "the run used up the memory of its worker process: the guest's own, and "
        "what the host keeps for it; set memory_limit_mb higher, or pass less "
        "at once");
  }
  return base::make_error(ErrorKind::internal,
                          "the worker process ended by signal {} ({}), which is a defect of the "
                          "engine{}{}",
                          signal, strsignal(signal), said.empty() ? "" : ": ",
                          base::printable(said, 256));
}

bool Worker::is_quiet() {
  usable_ = usable_ && channel_.is_quiet();
  return usable_;
}

Expected<void> Worker::load(const ModuleCode& module, Clock::time_point deadline) {
  if (const auto found = std::find(loaded_.begin(), loaded_.end(), module.number);
      found != loaded_.end()) {
    loaded_.splice(loaded_.begin(), loaded_, found);
    return {};
  }
  if (loaded_.size() >= max_loaded_modules) {
    TRY(channel_.send(MessageType::unload, encode(Unload{.module = loaded_.back()}), deadline));
    loaded_.pop_back();
  }
  TRY(channel_.send(MessageType::load, encode(Load{.module = module.number, .shape = module.shape}),
                    deadline, &module.code));
  const auto message = TRY(channel_.receive(max_answer_bytes, deadline));
  const auto loaded = decode<Loaded>(message.payload);
  if (message.type != MessageType::loaded || !loaded) {
    return nonsense("something else than whether it loaded the module");
  }
  if (loaded->error) {
    return Error{.kind = loaded->error->kind,
                 .message = base::printable(loaded->error->message, max_error_text_bytes),
                 .resource = {}};
  }
  loaded_.push_front(module.number);
  return {};
}

Expected<TaskResult> Worker::run(const Task& task, GuestRun& guest,
                                 std::chrono::milliseconds timeout,
                                 std::chrono::microseconds spin) {
  const auto last_moment = guest.context.deadline() + deadline_grace;
  const KillOnStop kill_on_stop(guest.context.stop(), process_);
  channel_.set_spin(spin);
  // Until it has said how its guest ended; whatever happens on the way.
  usable_ = false;
  called_its_parent_ = false;
  auto finished = [&]() -> Expected<Finished> {
    if (task.code != nullptr) {
      TRY(load(*task.code, last_moment));
    }
    TRY(channel_.send(MessageType::run, encode(message_for(task, guest, timeout, spin)),
                      last_moment));
    return talk_until_finished(guest, last_moment, MayCall::yes);
  }();
  if (!finished && is_refusal(finished.error())) {
    return std::move(finished).error();
  }
  if (!finished) {
    return TaskResult{failed_run(std::move(finished).error(), guest.context, timeout)};
  }
  return conclude(task, guest, *std::move(finished));
}

Expected<TaskResult> Worker::conclude(const Task& task, const GuestRun& guest, Finished finished) {
  auto ending = ending_from(finished);
  if (!ending || !is_possible_value(task.kind, finished, guest.context.limits().max_output_bytes)) {
    return TaskResult{{.ending = ending_of(nonsense("an ending that cannot be"))}};
  }
  if (ending->error &&
      (is_refusal(*ending->error) || ending->error->kind == ErrorKind::too_large)) {
    return *std::move(ending->error);
  }
  // What a failed run may have left in a worker is nobody's to find.
  usable_ = ending->status == Status::ok || ending->status == Status::exited;
  return TaskResult{.execution = {.ending = std::move(*ending),
                                  .peak_memory_bytes = finished.peak_memory_bytes,
                                  .fuel_consumed = finished.fuel_consumed},
                    .value = std::move(finished.value),
                    .value_truncated = finished.value_truncated,
                    .can_go_on = finished.can_go_on};
}

void Worker::run_in_a_row(std::span<QueuedRun* const> runs, Clock::time_point until) {
  constexpr std::chrono::microseconds no_spin{0};
  channel_.set_spin(no_spin);
  usable_ = false;
  const auto sent = [&]() -> Expected<void> {
    TRY(load(*runs.front()->task.code, until));
    for (const QueuedRun* run : runs) {
      channel_.hold(MessageType::run,
                    encode(message_for(run->task, run->guest, run->timeout, no_spin)));
    }
    return channel_.flush(until);
  }();
  if (!sent) {
    return;
  }
  for (QueuedRun* run : runs) {
    usable_ = false;
    auto finished = talk_until_finished(run->guest, until, MayCall::no);
    if (!finished) {
      run->guest.stdout_capture.clear();
      run->guest.stderr_capture.clear();
      return;
    }
    run->result = conclude(run->task, run->guest, *std::move(finished));
    if (!usable_) {
      return;  // what was sent behind a failed run is not this worker's any more
    }
  }
}

Execution Worker::failed_run(Error error, const host_functions::RunContext& context,
                             std::chrono::milliseconds timeout) {
  if (context.stop().stop_requested()) {
    return {.ending = ending_of(base::make_error(ErrorKind::cancelled, "the run was cancelled"))};
  }
  if (error.kind == ErrorKind::timeout || Clock::now() >= context.deadline()) {
    process_.kill();
    return {.ending = ending_of(base::make_error(
                ErrorKind::timeout, "the run was ended at its deadline, after {} (timeout)",
                base::format_duration(timeout)))};
  }
  return {.ending = ending_of(explain(std::move(error)))};
}

Expected<std::vector<FunctionType>> Worker::list(const ModuleCode& code,
                                                 Clock::time_point deadline) {
  auto listed = [&]() -> Expected<Listed> {
    TRY(load(code, deadline));
    TRY(channel_.send(MessageType::list, encode(List{.module = code.number}), deadline));
    const auto message = TRY(channel_.receive(max_list_bytes, deadline));
    auto answer = decode<Listed>(message.payload);
    if (message.type != MessageType::listed || !answer) {
      return nonsense("something else than what the module exports");
    }
    return std::move(*answer);
  }();
  if (!listed) {
    return explain(std::move(listed).error());
  }
  if (listed->error) {
    Error error = *std::move(listed->error);
    error.message = base::printable(error.message, max_error_text_bytes);
    return error;
  }
  return std::move(listed->functions);
}

Expected<Finished> Worker::talk_until_finished(GuestRun& guest, Clock::time_point deadline,
                                               MayCall may_call) {
  for (;;) {
    const auto message = TRY(channel_.receive(max_message_bytes, deadline));
    if (message.type == MessageType::finished) {
      return read_ending(message.payload);
    }
    if (message.type == MessageType::output) {
      TRY(take_output(guest, message.payload));
      continue;
    }
    if (!static_cast<bool>(may_call)) {
      return base::make_error(ErrorKind::unavailable, "the guest calls the host");
    }
    called_its_parent_ = true;
    if (message.type == MessageType::call) {
      const auto call = decode<Call>(message.payload);
      if (!call) {
        return nonsense("a call that cannot be read");
      }
      TRY(answer_call(guest, *call, deadline));
    } else if (message.type == MessageType::host_request) {
      TRY(answer_host_request(guest, message.payload, deadline));
    } else if (message.type == MessageType::streams) {
      const auto streams = decode<Streams>(message.payload);
      if (!streams || streams->stdin_position > guest.stdin_data.size()) {
        return nonsense("a position behind the end of standard input");
      }
      guest.stdin_position = static_cast<std::size_t>(streams->stdin_position);
    } else {
      return nonsense("a message of an unknown type");
    }
  }
}

Expected<void> Worker::answer_call(GuestRun& guest, const Call& call, Clock::time_point deadline) {
  static const auto functions = numbered_functions();
  // A guest has no more memory than its limit, so neither has a worker reason to send more.
  if (call.function >= functions.size() || call.answer_from > call.memory.size() ||
      call.memory.size() + call.extra_bytes > max_call_bytes) {
    return nonsense("a call that no guest can make");
  }
  std::string memory(call.memory);
  memory.resize(memory.size() + call.extra_bytes);
  GuestCall guest_call{
      .run = guest,
      .memory = GuestMemory({reinterpret_cast<std::uint8_t*>(memory.data()), memory.size()})};
  guest.end_message.clear();
  CallReply reply;
  // The very function that a guest in this process would call: it checks the pointers, asks the
  // policy, charges the quotas and writes the audit.
  reply.result = functions[call.function]->invoke(guest_call, call.arguments.data());
  reply.end = static_cast<std::uint8_t>(guest_call.end);
  reply.end_message = guest.end_message;
  reply.memory = without_end_zeros(std::string_view(memory).substr(call.answer_from));
  return channel_.send(MessageType::call_reply, encode(reply), deadline);
}

Expected<void> Worker::answer_host_request(GuestRun& guest, std::string_view payload,
                                           Clock::time_point deadline) {
  const auto request = decode_host_request(payload);
  if (!request) {
    return nonsense("a host function's call that cannot be read");
  }
  // The very functions that every other sandbox calls: they judge, charge and audit.
  const Expected<HostAnswer> answer = perform(guest.host_functions, *request);
  std::string reply = encode(answer);
  if (reply.size() > max_host_answer_bytes) {
    reply = encode(Expected<HostAnswer>(base::make_error(
        ErrorKind::too_large, "the answer has {} bytes; {} pass to a guest at once", reply.size(),
        max_host_answer_bytes)));
  }
  return channel_.send(MessageType::host_answer, reply, deadline);
}

Expected<CodeShape> Worker::compile(const linux_::Fd& module_bytes, const linux_::Fd& output,
                                    Clock::time_point deadline, const std::stop_token& stop) {
  const KillOnStop kill_on_stop(stop, process_);
  usable_ = false;
  auto compiled = [&]() -> Expected<Compiled> {
    TRY(channel_.send(MessageType::module_bytes, "", deadline, &module_bytes));
    TRY(channel_.send(MessageType::compile, "", deadline, &output));
    const auto message = TRY(channel_.receive(max_answer_bytes, deadline));
    auto answer = decode<Compiled>(message.payload);
    if (message.type != MessageType::compiled || !answer) {
      return nonsense("something else than whether it compiled the module");
    }
    return std::move(*answer);
  }();
  if (!compiled) {
    if (stop.stop_requested()) {
      return base::make_error(ErrorKind::cancelled,
                              "the run was cancelled while its module was compiled");
    }
    if (compiled.error().kind == ErrorKind::timeout) {
      return base::make_error(ErrorKind::timeout,
                              "the deadline passed while the module was compiled");
    }
    return base::make_error(ErrorKind::invalid_argument, "the module could not be compiled: {}",
                            explain(std::move(compiled).error()).message);
  }
  if (compiled->error) {
    return Error{.kind = compiled->error->kind == ErrorKind::denied ? ErrorKind::internal
                                                                    : compiled->error->kind,
                 .message = base::printable(compiled->error->message, max_error_text_bytes),
                 .resource = {}};
  }
  return compiled->shape;
}

}  // namespace omnisandbox::wasm::worker
