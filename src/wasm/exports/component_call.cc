#include "wasm/exports/component_call.h"

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/component/component_execution.h"
#include "wasm/component/json_values.h"
#include "wasm/component/type_parts.h"
#include "wasm/exports/component_exports.h"

namespace omnisandbox::wasm::exports {
namespace {

constexpr std::string_view command_interface = "wasi:cli/run@0.2.";

Execution call_instance(const ComponentCall& call, const ComponentFunction& function,
                        const std::vector<component::Value>& values, component::Value* returned) {
  std::vector<wasmtime_component_val_t> arguments;
  arguments.reserve(values.size());
  for (const component::Value& value : values) {
    arguments.push_back(value.get());
  }
  component::ComponentInstance instance(call.engine, call.run, call.memory_limit_bytes);
  const auto index = call.component.find_export(function.interface, function.name);
  return instance.call(call.component, index.get(), arguments, returned, call.timeout);
}

bool returned_by_itself(const ComponentCall& call, const Execution& execution) {
  return execution.ending.status == Status::ok && call.run.guest->ended_by == GuestCall::End::none;
}

}  // namespace

Expected<void> check_result_size(const std::optional<std::string>& value_json,
                                 const GuestRun& run) {
  const std::uint64_t allowed = run.context.limits().max_output_bytes;
  if (value_json && value_json->size() > allowed) {
    return base::make_error(ErrorKind::too_large,
                            "the function returned {} bytes of JSON; {} are allowed: set "
                            "max_output_bytes higher",
                            value_json->size(), allowed);
  }
  return {};
}

Expected<Called> call_component(const ComponentCall& call, std::string_view name,
                                std::span<const std::string> arguments_json) {
  const auto function = TRY(find_component_function(call.engine, call.component, name));
  const auto values = TRY(component_arguments(function, arguments_json));
  const auto type = component::result_of(function.type.get());
  component::Value returned;
  Called called{.execution = call_instance(call, function, values, type ? &returned : nullptr)};
  if (type && returned_by_itself(call, called.execution)) {
    called.value_json = TRY(component::value_to_json(returned.get(), *type));
    TRY(check_result_size(called.value_json, *call.run.guest));
  }
  return called;
}

Expected<Execution> run_command(const ComponentCall& call) {
  for (const ComponentFunction& function : component_functions(call.engine, call.component)) {
    if (!function.interface.starts_with(command_interface) || function.name != "run") {
      continue;
    }
    component::Value returned;
    Execution execution = call_instance(call, function, {}, &returned);
    if (returned_by_itself(call, execution) && returned.get().kind == WASMTIME_COMPONENT_RESULT &&
        !returned.get().of.result.is_ok) {
      execution.ending.status = Status::exited;
      execution.ending.exit_code = 1;
    }
    return execution;
  }
  return base::make_error(ErrorKind::invalid_argument,
                          "\"{}\" is not a command: it does not export wasi:cli/run; "
                          "call-export calls what it exports",
                          base::printable(call.run.guest->args.front()));
}

}  // namespace omnisandbox::wasm::exports
