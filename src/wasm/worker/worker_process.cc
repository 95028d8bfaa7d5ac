#include "wasm/worker/worker_process.h"

#include <memory>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "linux/file_system.h"
#include "linux/memory_file.h"
#include "omnisandbox/policy.h"
#include "wasm/component/limits.h"
#include "wasm/limits.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/build_identity.h"
#include "wasm/worker/confinement.h"
#include "wasm/worker/forwarded_calls.h"
#include "wasm/worker/guest_runner.h"
#include "wasm/worker/parent_outside.h"

namespace omnisandbox::wasm::worker {
namespace {

// As fail_call and describe_exception have it.
constexpr std::string_view out_of_memory_text = "out of memory";
constexpr auto no_deadline = Channel::Deadline();
// A run brings its arguments, environment and stdin, which the parent has bounded.
constexpr std::size_t max_run_bytes = std::size_t{2} * 1024 * 1024 * 1024;

/// A policy that allows nothing, with the limits that count inside the worker.
Expected<Policy> limits_only(const Configure& settings) {
  Config config;
  config.timeout = std::chrono::milliseconds(settings.timeout_ms);
  config.max_output_bytes = settings.max_output_bytes;
  config.max_file_bytes = settings.max_file_bytes;
  config.max_response_bytes = settings.max_response_bytes;
  if (settings.metered) {
    config.fuel_limit = settings.fuel;
  }
  return Policy::compile(std::move(config));
}

class Server {
 public:
  Server(Channel& channel, Configure settings, Policy limits)
      : channel_(channel),
        settings_(settings),
        limits_(std::move(limits)),
        side_(channel),
        calls_(side_),
        outside_(side_, calls_) {}

  Expected<void> start() {
    guests_ = TRY(make_runner());
    // Asked once for each thread, and it reads /proc; afterwards that is not possible any more.
    static_cast<void>(has_stack_left(guest_stack_bytes));
    const std::uint32_t layers = TRY(confine_this_process(settings_.data_bytes));
    TRY(channel_.send(MessageType::hello,
                      encode(Hello{.build = build_identity(), .layers = layers}), no_deadline));
    guests_->prepare();
    return {};
  }

  /// Until the channel ends.
  Expected<void> serve_messages() {
    for (;;) {
      const Channel::Message message = TRY(channel_.receive(max_run_bytes, no_deadline));
      switch (message.type) {
        case MessageType::load:
          TRY(load(message.payload));
          break;
        case MessageType::unload:
          if (const auto unload = decode<Unload>(message.payload)) {
            guests_->unload(unload->module);
          }
          break;
        case MessageType::list:
          TRY(list(message.payload));
          break;
        case MessageType::run:
          TRY(run(message.payload));
          guests_->prepare();
          break;
        case MessageType::module_bytes:
          module_bytes_ = channel_.take_descriptor();
          break;
        case MessageType::compile:
          return compile();
        default:
          return base::make_error(ErrorKind::internal, "a message of an unknown type came");
      }
    }
  }

 private:
  Expected<std::unique_ptr<GuestRunner>> make_runner() {
    const RunnerTools tools{
        .settings = settings_, .limits = limits_, .calls = calls_, .outside = outside_};
    switch (settings_.guests) {
      case Guests::components:
        return make_component_runner(tools);
      case Guests::interpreter:
        return make_interpreter_runner(tools, channel_.take_descriptor());
      case Guests::modules:
        break;
    }
    return make_module_runner(tools);
  }

  Expected<void> load(std::string_view payload) {
    const auto request = decode<Load>(payload);
    const linux_::Fd file = channel_.take_descriptor();
    if (!request || !file.is_open()) {
      return base::make_error(ErrorKind::internal, "a load without a module or its code");
    }
    Loaded answer;
    if (auto loaded = guests_->load(request->module, file, request->shape); !loaded) {
      answer.error = std::move(loaded).error();
    }
    return channel_.send(MessageType::loaded, encode(answer), no_deadline);
  }

  Expected<void> list(std::string_view payload) {
    const auto request = decode<List>(payload);
    if (!request) {
      return base::make_error(ErrorKind::internal, "a list of what cannot be read");
    }
    Listed answer;
    auto functions = guests_->list(request->module);
    if (functions) {
      answer.functions = *std::move(functions);
    } else {
      answer.error = std::move(functions).error();
    }
    return channel_.send(MessageType::listed, encode(answer), no_deadline);
  }

  Expected<void> run(std::string_view payload) {
    auto request = decode<Run>(payload);
    if (!request) {
      return base::make_error(ErrorKind::internal, "a run that cannot be read");
    }
    channel_.set_spin(std::chrono::microseconds(request->spin_us));
    auto answer = TRY(answer_to(std::move(*request)));
    const Status status = answer.execution.ending.status;
    const std::string message =
        encode(Finished{.status = status,
                        .exit_code = answer.execution.ending.exit_code,
                        .error = std::move(answer.execution.ending.error),
                        .peak_memory_bytes = answer.execution.peak_memory_bytes,
                        .fuel_consumed = answer.execution.fuel_consumed,
                        .value = std::move(answer.value),
                        .value_truncated = answer.value_truncated,
                        .can_go_on = answer.can_go_on});
    if (!channel_.has_more()) {
      return channel_.send(MessageType::finished, message, no_deadline);
    }
    // More runs stand in a row behind this one.
    if (status == Status::ok || status == Status::exited) {
      channel_.hold(MessageType::finished, message);
      return {};
    }
    TRY(channel_.send(MessageType::finished, message, no_deadline));
    return base::make_error(ErrorKind::internal,
                            "a run failed, and what comes after it is for another worker");
  }

  Expected<Answer> answer_to(Run request) {
    auto functions = TRY(HostFunctions::create(limits_, {.deadline = request.deadline}));
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(request.args);
    guest.environment = std::move(request.environment);
    guest.stdin_data = std::move(request.stdin_data);
    side_.begin_run(guest);
    Expected<Answer> answer = base::make_error(ErrorKind::internal, "the guest was not run");
    TRY(call_with_stack(component::component_stack_bytes + host_call_stack_bytes,
                        [&] { answer = guests_->run(request, guest); }));
    side_.hold_output();
    side_.end_run();
    if (!answer) {
      return Answer{{.ending = ending_of(std::move(answer).error())}};
    }
    if (guest.ended_by == GuestCall::End::failed && guest.end_message == out_of_memory_text) {
      // A process of its own: what it lacks is what its run has used.
      answer->execution.ending = ending_of(base::make_error(
          ErrorKind::memory,
          "the run used up the memory of its worker process; set memory_limit_mb higher, or pass "
          "less at once"));
    }
    return answer;
  }

  Expected<void> compile() {
    const linux_::Fd output = channel_.take_descriptor();
    Compiled answer;
    const auto compiled = compile_to(output);
    if (compiled) {
      answer.shape = *compiled;
    } else {
      answer.error = compiled.error();
    }
    return channel_.send(MessageType::compiled, encode(answer), no_deadline);
  }

  Expected<CodeShape> compile_to(const linux_::Fd& output) {
    const auto mapping = TRY(linux_::FileMapping::create(module_bytes_, max_module_bytes));
    Expected<GuestRunner::Code> compiled =
        base::make_error(ErrorKind::internal, "the module was not compiled");
    TRY(call_with_stack(compiler_stack_bytes,
                        [&] { compiled = guests_->compile(mapping.bytes()); }));
    const auto made = TRY(std::move(compiled));
    TRY(linux_::write_full(output, std::as_bytes(std::span(made.code))));
    return made.shape;
  }

  Channel& channel_;
  const Configure settings_;
  const Policy limits_;
  GuestSide side_;
  ForwardedCalls calls_;
  ParentOutside outside_;
  std::unique_ptr<GuestRunner> guests_;
  linux_::Fd module_bytes_;
};

Expected<void> serve_channel(Channel& channel, int parent) {
  TRY(end_with_parent(parent));
  const Channel::Message message = TRY(channel.receive(max_run_bytes, no_deadline));
  const auto settings = decode<Configure>(message.payload);
  if (message.type != MessageType::configure || !settings) {
    return base::make_error(ErrorKind::internal, "the first message is not the settings");
  }
  Policy limits = TRY(limits_only(*settings));
  Server server(channel, *settings, std::move(limits));
  if (auto started = server.start(); !started) {
    return channel.send(MessageType::hello,
                        encode(Hello{.build = build_identity(), .error = started.error()}),
                        no_deadline);
  }
  return server.serve_messages();
}

}  // namespace

void serve(linux_::Fd socket, int parent) {
  Channel channel(std::move(socket), TakeDescriptors::yes);
  // However it ends, the parent sees the channel's end.
  static_cast<void>(serve_channel(channel, parent));
}

}  // namespace omnisandbox::wasm::worker
