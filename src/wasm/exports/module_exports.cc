#include "omnisandbox/module_exports.h"

#include <exception>
#include <new>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "policy/limits.h"
#include "wasm/component/component_execution.h"
#include "wasm/component/json_values.h"
#include "wasm/component/limits.h"
#include "wasm/component/type_parts.h"
#include "wasm/exports/component_exports.h"
#include "wasm/exports/core_exports.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/run_input.h"
#include "wasm/run/run_report.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
using wasm::Execution;
using wasm::GuestRun;
namespace component = wasm::component;

constexpr std::size_t stack_for_guest =
    component::component_stack_bytes + wasm::host_call_stack_bytes;
constexpr std::string_view command_interface = "wasi:cli/run@0.2.";

/// Calls `function`, which returns an Expected, with `stack_bytes` of stack; no exception leaves.
template <class Function>
auto guarded(std::size_t stack_bytes, Function function) -> decltype(function()) {
  try {
    std::optional<decltype(function())> result;
    TRY(wasm::call_with_stack(stack_bytes, [&] { result.emplace(function()); }));
    return std::move(*result);
  } catch (const std::bad_alloc&) {
    return base::make_error(ErrorKind::unavailable, "the process is out of memory");
  } catch (const std::exception& error) {
    return base::make_error(ErrorKind::unavailable, "the WebAssembly sandbox failed: {}",
                            base::printable(error.what()));
  }
}

/// The binary of what is written in the text format; empty for a binary.
Expected<std::string> binary_of_text(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n\f");
  if (first == std::string_view::npos || (text[first] != '(' && text[first] != ';')) {
    return std::string();
  }
  if (text.size() > wasm::max_module_text_bytes) {
    return base::make_error(ErrorKind::too_large, "the module's text has {} bytes; {} are allowed",
                            text.size(), wasm::max_module_text_bytes);
  }
  wasm::ByteVector binary;
  const wasm::ErrorOwner error(wasmtime_wat2wasm(text.data(), text.size(), binary.out()));
  if (error != nullptr) {
    wasm::ByteVector message;
    wasmtime_error_message(error.get(), message.out());
    return base::make_error(ErrorKind::invalid_argument, "the module's text is not valid: {}",
                            base::printable(message.text()));
  }
  return std::string(binary.bytes().data(), binary.bytes().size());
}

struct Core {
  std::shared_ptr<wasm::Engine> engine;
  std::shared_ptr<const wasm::CompiledModule> module;
};

struct Component {
  std::shared_ptr<component::ComponentEngine> engine;
  std::shared_ptr<const component::CompiledComponent> component;
};

}  // namespace

class ModuleExports::Impl {
 public:
  Impl(Policy policy, std::string name, RuntimeOptions options, std::variant<Core, Component> code,
       std::uint64_t memory_limit_bytes)
      : policy_(std::move(policy)),
        name_(std::move(name)),
        options_(std::move(options)),
        code_(std::move(code)),
        memory_limit_bytes_(memory_limit_bytes),
        description_{.kind = "wasm",
                     .layers = {"app-permissions", "wasm:in-process", "memory-limit", "deadline"}} {
    if (policy_.compiled().limits().fuel) {
      description_.layers.emplace_back("fuel");
    }
  }

  std::vector<std::string> list() const {
    if (const auto* core = std::get_if<Core>(&code_)) {
      return wasm::exports::list_core_functions(*core->module);
    }
    const auto& code = std::get<Component>(code_);
    std::vector<std::string> lines;
    for (const auto& function : wasm::exports::component_functions(*code.engine, *code.component)) {
      lines.push_back(base::printable(function.full_name() + ": " + function.type_text, 4096));
    }
    return lines;
  }

  Expected<ExportCall> call(std::string_view function, std::span<const std::string> arguments,
                            RunOptions options) {
    return guarded(stack_for_guest, [&]() -> Expected<ExportCall> {
      if (const auto* core = std::get_if<Core>(&code_)) {
        return call_core(*core, function, arguments, std::move(options));
      }
      return call_component(std::get<Component>(code_), function, arguments, std::move(options));
    });
  }

  Expected<Result> run_command(RunOptions options) {
    return guarded(stack_for_guest, [&]() -> Expected<Result> {
      if (const auto* code = std::get_if<Component>(&code_)) {
        for (const auto& function :
             wasm::exports::component_functions(*code->engine, *code->component)) {
          if (function.interface.starts_with(command_interface) && function.name == "run") {
            return run_component(*code, function, std::move(options));
          }
        }
      }
      return base::make_error(ErrorKind::invalid_argument,
                              "\"{}\" is not a command: it does not export wasi:cli/run; "
                              "call-export calls what it exports",
                              base::printable(name_));
    });
  }

 private:
  Expected<ExportCall> call_core(const Core& core, std::string_view function,
                                 std::span<const std::string> arguments, RunOptions options) {
    auto values = TRY(wasm::exports::core_arguments(*core.module, function, arguments));
    ExportCall called;
    called.result = TRY(run(std::move(options), [&](GuestRun& guest, auto timeout) -> Execution {
      auto slots =
          core.engine->slots().take(core.module->pool_slots(), "instance slots of this process",
                                    guest.context.deadline(), guest.context.stop());
      if (!slots) {
        return {.ending = wasm::ending_of(std::move(slots).error())};
      }
      return wasm::exports::call_core_function(*core.engine, *core.module, guest, function,
                                               std::move(values), memory_limit_bytes_, timeout,
                                               called.value_json);
    }));
    return called;
  }

  Expected<ExportCall> call_component(const Component& code, std::string_view name,
                                      std::span<const std::string> arguments, RunOptions options) {
    const auto function =
        TRY(wasm::exports::find_component_function(*code.engine, *code.component, name));
    const auto values = TRY(wasm::exports::component_arguments(function, arguments));
    const auto type = component::result_of(function.type.get());
    ExportCall called;
    component::Value returned;
    std::optional<Error> no_json;
    called.result = TRY(run(std::move(options), [&](GuestRun& guest, auto timeout) -> Execution {
      Execution done =
          call_instance(code, function, values, guest, type ? &returned : nullptr, timeout);
      if (type && done.ending.status == Status::ok &&
          guest.ended_by == wasm::GuestCall::End::none) {
        auto json = component::value_to_json(returned.get(), *type);
        if (json) {
          called.value_json = std::move(*json);
        } else {
          no_json = std::move(json).error();
        }
      }
      return done;
    }));
    if (no_json) {
      return *std::move(no_json);
    }
    return called;
  }

  Expected<Result> run_component(const Component& code,
                                 const wasm::exports::ComponentFunction& function,
                                 RunOptions options) {
    return run(std::move(options), [&](GuestRun& guest, auto timeout) -> Execution {
      component::Value returned;
      Execution done = call_instance(code, function, {}, guest, &returned, timeout);
      if (done.ending.status == Status::ok && guest.ended_by == wasm::GuestCall::End::none &&
          returned.get().kind == WASMTIME_COMPONENT_RESULT && !returned.get().of.result.is_ok) {
        done.ending.status = Status::exited;
        done.ending.exit_code = 1;
      }
      return done;
    });
  }

  Execution call_instance(const Component& code, const wasm::exports::ComponentFunction& function,
                          const std::vector<component::Value>& values, GuestRun& guest,
                          component::Value* returned, std::chrono::milliseconds timeout) {
    auto slots =
        code.engine->slots().take(code.component->pool_slots(), "instance slots of this process",
                                  guest.context.deadline(), guest.context.stop());
    if (!slots) {
      return {.ending = wasm::ending_of(std::move(slots).error())};
    }
    std::vector<wasmtime_component_val_t> arguments;
    for (const component::Value& value : values) {
      arguments.push_back(value.get());
    }
    component::ComponentRun run(guest);
    component::ComponentInstance instance(*code.engine, run, memory_limit_bytes_);
    const auto index = code.component->find_export(function.interface, function.name);
    return instance.call(*code.component, index.get(), arguments, returned, timeout);
  }

  template <class Execute>
  Expected<Result> run(RunOptions options, Execute execute) {
    const auto started = Clock::now();
    const auto timeout = wasm::effective_timeout(policy_, options);
    auto input = TRY(wasm::make_guest_input(name_, policy_.config(), options));
    auto functions = TRY(HostFunctions::create(policy_, {.audit = options_.audit,
                                                         .commands = options_.commands,
                                                         .path_view = PathView::guest,
                                                         .sandbox = description_.kind,
                                                         .deadline = started + timeout,
                                                         .stop = std::move(options.stop)}));
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(input.args);
    guest.environment = std::move(input.environment);
    guest.stdin_data = std::move(options.stdin_data);
    Result result = wasm::report_run(guest, execute(guest, timeout), description_);
    result.duration = Clock::now() - started;
    wasm::record_outcome(options_.audit.get(), policy_.config(), result);
    return result;
  }

  const Policy policy_;
  const std::string name_;
  const RuntimeOptions options_;
  const std::variant<Core, Component> code_;
  const std::uint64_t memory_limit_bytes_;
  SandboxDescription description_;
};

ModuleExports::ModuleExports(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModuleExports::ModuleExports(ModuleExports&&) noexcept = default;
ModuleExports& ModuleExports::operator=(ModuleExports&&) noexcept = default;
ModuleExports::~ModuleExports() = default;

Expected<ModuleExports> ModuleExports::load(Policy policy, std::string name,
                                            std::span<const std::byte> bytes,
                                            RuntimeOptions options) {
  if (policy.config().audit_required && options.audit == nullptr) {
    return base::make_error(ErrorKind::unavailable,
                            "the policy says audit_required: true, and no audit sink is set");
  }
  return guarded(wasm::compiler_stack_bytes, [&]() -> Expected<ModuleExports> {
    const auto& limits = policy.compiled().limits();
    const std::uint64_t memory = limits.memory_limit(policy::default_module_memory_bytes);
    const wasm::FuelMetering fuel(limits.fuel.has_value());
    const std::string binary = TRY(binary_of_text(bytes));
    if (!binary.empty()) {
      bytes = std::as_bytes(std::span(binary));
    }
    std::variant<Core, Component> code;
    if (component::is_component(bytes)) {
      auto engine = TRY(component::ComponentEngine::shared(fuel));
      auto compiled = TRY(component::CompiledComponent::compile(*engine, bytes, memory));
      code = Component{std::move(engine), std::move(compiled)};
    } else {
      auto engine = TRY(wasm::Engine::shared(fuel));
      auto compiled = TRY(wasm::CompiledModule::compile(*engine, bytes, memory, nullptr));
      code = Core{std::move(engine), std::move(compiled)};
    }
    return ModuleExports(std::make_unique<Impl>(std::move(policy), std::move(name),
                                                std::move(options), std::move(code), memory));
  });
}

std::vector<std::string> ModuleExports::list() const { return impl_->list(); }

Expected<ExportCall> ModuleExports::call(std::string_view function,
                                         std::span<const std::string> arguments_json,
                                         RunOptions options) {
  return impl_->call(function, arguments_json, std::move(options));
}

Expected<Result> ModuleExports::run(RunOptions options) {
  return impl_->run_command(std::move(options));
}

}  // namespace omnisandbox
