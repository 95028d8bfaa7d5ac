#include "wasm/worker/worker_process.h"

#include <map>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "linux/file_system.h"
#include "linux/memory_file.h"
#include "omnisandbox/policy.h"
#include "wasm/limits.h"
#include "wasm/module/compiled_module.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/build_identity.h"
#include "wasm/worker/confinement.h"
#include "wasm/worker/forwarded_calls.h"

namespace omnisandbox::wasm::worker {
namespace {

constexpr auto no_deadline = Channel::Deadline();
// A run brings its arguments, environment and stdin, which the parent has bounded.
constexpr std::size_t max_run_bytes = std::size_t{2} * 1024 * 1024 * 1024;

/// A policy that allows nothing, with the limits that count inside the worker.
Expected<Policy> limits_only(const Configure& settings) {
  Config config;
  config.timeout = std::chrono::milliseconds(settings.timeout_ms);
  config.max_output_bytes = settings.max_output_bytes;
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
        calls_(side_) {}

  Expected<void> start() {
    engine_ = TRY(Engine::create({.fuel = FuelMetering(settings_.metered),
                                  .slots = worker_pool_slots,
                                  .modules = calls_.modules()}));
    // Asked once for each thread, and it reads /proc; afterwards that is not possible any more.
    static_cast<void>(has_stack_left(guest_stack_bytes));
    const std::uint32_t layers = TRY(confine_this_process(settings_.data_bytes));
    return channel_.send(MessageType::hello,
                         encode(Hello{.build = build_identity(), .layers = layers}), no_deadline);
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
            modules_.erase(unload->module);
          }
          break;
        case MessageType::run:
          TRY(run(message.payload));
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
  Expected<void> load(std::string_view payload) {
    const auto request = decode<Load>(payload);
    const linux_::Fd file = channel_.take_descriptor();
    if (!request || !file.is_open()) {
      return base::make_error(ErrorKind::internal, "a load without a module or its code");
    }
    Loaded answer;
    auto module = load_code(file, request->shape);
    if (module) {
      answer.has_entry = (*module)->entry() != CompiledModule::Entry::none;
      modules_[request->module] = std::move(*module);
    } else {
      answer.error = std::move(module).error();
    }
    return channel_.send(MessageType::loaded, encode(answer), no_deadline);
  }

  Expected<std::shared_ptr<const CompiledModule>> load_code(const linux_::Fd& file,
                                                            const ModuleShape& shape) {
    const auto mapping = TRY(linux_::FileMapping::create(file, max_cache_entry_bytes));
    return CompiledModule::load(*engine_, mapping.bytes(), shape);
  }

  Expected<void> run(std::string_view payload) {
    auto request = decode<Run>(payload);
    if (!request) {
      return base::make_error(ErrorKind::internal, "a run that cannot be read");
    }
    channel_.set_spin(std::chrono::microseconds(request->spin_us));
    const auto module = modules_.find(request->module);
    Execution execution;
    if (module == modules_.end()) {
      execution.ending =
          ending_of(base::make_error(ErrorKind::internal, "the worker does not have the module"));
    } else {
      execution = TRY(execute(*module->second, std::move(*request)));
    }
    return channel_.send(MessageType::finished,
                         encode(Finished{.status = execution.ending.status,
                                         .exit_code = execution.ending.exit_code,
                                         .error = std::move(execution.ending.error),
                                         .peak_memory_bytes = execution.peak_memory_bytes,
                                         .fuel_consumed = execution.fuel_consumed}),
                         no_deadline);
  }

  Expected<Execution> execute(const CompiledModule& module, Run request) {
    auto functions = TRY(HostFunctions::create(limits_, {.deadline = request.deadline}));
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(request.args);
    guest.environment = std::move(request.environment);
    guest.stdin_data = std::move(request.stdin_data);
    side_.begin_run(guest);
    Execution execution;
    TRY(call_with_stack(guest_stack_bytes + host_call_stack_bytes, [&] {
      execution = execute_guest(*engine_, module, guest, settings_.memory_limit_bytes,
                                std::chrono::milliseconds(request.timeout_ms));
    }));
    TRY(side_.send_output());
    return execution;
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

  Expected<ModuleShape> compile_to(const linux_::Fd& output) {
    const auto mapping = TRY(linux_::FileMapping::create(module_bytes_, max_module_bytes));
    Expected<CompiledModule::Serialized> compiled =
        base::make_error(ErrorKind::internal, "the module was not compiled");
    TRY(call_with_stack(compiler_stack_bytes, [&] {
      compiled = CompiledModule::compile_for_others(*engine_, mapping.bytes(),
                                                    settings_.memory_limit_bytes);
    }));
    const auto serialized = TRY(std::move(compiled));
    TRY(linux_::write_full(output, serialized.code));
    return serialized.shape;
  }

  Channel& channel_;
  const Configure settings_;
  const Policy limits_;
  GuestSide side_;
  ForwardedCalls calls_;
  std::shared_ptr<Engine> engine_;
  std::map<std::uint64_t, std::shared_ptr<const CompiledModule>> modules_;
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
