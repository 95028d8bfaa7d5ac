#include "wasm/exports/core_exports.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::wasm::exports {
namespace {

using Json = nlohmann::ordered_json;

std::string_view text_of(const wasm_name_t* name) { return {name->data, name->size}; }

TypeKind type_kind(wasm_valkind_t kind) {
  switch (kind) {
    case WASM_I32:
      return TypeKind::core_i32;
    case WASM_I64:
      return TypeKind::core_i64;
    case WASM_F32:
      return TypeKind::core_f32;
    case WASM_F64:
      return TypeKind::core_f64;
    default:
      return TypeKind::core_reference;
  }
}

std::string kind_name(wasm_valkind_t kind) { return wit_text(Type{.kind = type_kind(kind)}); }

std::vector<wasm_valkind_t> kinds_of(const wasm_valtype_vec_t* types) {
  std::vector<wasm_valkind_t> kinds;
  for (std::size_t index = 0; index < types->size; ++index) {
    kinds.push_back(wasm_valtype_kind(types->data[index]));
  }
  return kinds;
}

struct CoreFunction {
  std::string name;
  std::vector<wasm_valkind_t> parameters;
  std::vector<wasm_valkind_t> results;

  FunctionType type() const {
    FunctionType type{.name = name};
    for (const wasm_valkind_t kind : parameters) {
      type.parameters.push_back({.type = {.kind = type_kind(kind)}});
    }
    for (const wasm_valkind_t kind : results) {
      type.results.push_back({.kind = type_kind(kind)});
    }
    return type;
  }
};

std::vector<CoreFunction> functions_of(const CompiledModule& compiled) {
  const ModuleOwner module(wasmtime_instance_pre_module(compiled.instance_pre()));
  wasm_exporttype_vec_t exports;
  wasmtime_module_exports(module.get(), &exports);
  std::vector<CoreFunction> functions;
  for (std::size_t index = 0; index < exports.size; ++index) {
    const wasm_functype_t* type =
        wasm_externtype_as_functype_const(wasm_exporttype_type(exports.data[index]));
    if (type != nullptr) {
      functions.push_back({std::string(text_of(wasm_exporttype_name(exports.data[index]))),
                           kinds_of(wasm_functype_params(type)),
                           kinds_of(wasm_functype_results(type))});
    }
  }
  wasm_exporttype_vec_delete(&exports);
  return functions;
}

Expected<CoreFunction> find_function(const CompiledModule& module, std::string_view name) {
  for (CoreFunction& function : functions_of(module)) {
    if (function.name == name) {
      return std::move(function);
    }
  }
  return base::make_error(ErrorKind::not_found,
                          "the module exports no function named \"{}\"; call-export without a name "
                          "lists those that it has",
                          base::printable(name));
}

Expected<wasmtime_val_t> argument(std::string_view text, wasm_valkind_t kind, std::size_t number) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  wasmtime_val_t value{};
  const auto wrong = [&] {
    return base::make_error(ErrorKind::invalid_argument, "argument {} must be {}, and is {}",
                            number + 1, kind_name(kind), base::printable(text, 80));
  };
  const auto not_finite = [&]() -> std::optional<double> {
    if (json == "nan") {
      return std::nan("");
    }
    if (json == "inf" || json == "-inf") {
      return json == "inf" ? HUGE_VAL : -HUGE_VAL;
    }
    return std::nullopt;
  };
  if (kind == WASM_I32 || kind == WASM_I64) {
    // An integer has no sign in WebAssembly: what fits with or without one is taken.
    if (!json.is_number_integer()) {
      return wrong();
    }
    const bool is_unsigned = json.is_number_unsigned();
    const auto bits = is_unsigned ? json.get<std::uint64_t>()
                                  : static_cast<std::uint64_t>(json.get<std::int64_t>());
    if (kind == WASM_I64) {
      value.kind = WASMTIME_I64;
      value.of.i64 = static_cast<std::int64_t>(bits);
      return value;
    }
    if (is_unsigned ? !std::in_range<std::uint32_t>(bits)
                    : !std::in_range<std::int32_t>(static_cast<std::int64_t>(bits))) {
      return wrong();
    }
    value.kind = WASMTIME_I32;
    value.of.i32 = static_cast<std::int32_t>(bits);
    return value;
  }
  if (kind != WASM_F32 && kind != WASM_F64) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the function takes a reference, which cannot be passed as JSON");
  }
  const auto special = json.is_string() ? not_finite() : std::nullopt;
  if (!json.is_number() && !special) {
    return wrong();
  }
  const double number_value = special ? *special : json.get<double>();
  if (kind == WASM_F32) {
    value.kind = WASMTIME_F32;
    value.of.f32 = static_cast<float>(number_value);
  } else {
    value.kind = WASMTIME_F64;
    value.of.f64 = number_value;
  }
  return value;
}

Json float_json(double number) {
  if (std::isnan(number)) {
    return "nan";
  }
  if (std::isinf(number)) {
    return number > 0 ? "inf" : "-inf";
  }
  return number;
}

Json json_of(const wasmtime_val_t& value) {
  switch (value.kind) {
    case WASMTIME_I32:
      return value.of.i32;
    case WASMTIME_I64:
      return value.of.i64;
    case WASMTIME_F32:
      return float_json(value.of.f32);
    case WASMTIME_F64:
      return float_json(value.of.f64);
    default:
      return "a value that JSON cannot hold";
  }
}

std::optional<std::string> json_of(const std::vector<wasmtime_val_t>& results) {
  if (results.empty()) {
    return std::nullopt;
  }
  if (results.size() == 1) {
    return json_of(results.front()).dump();
  }
  Json list = Json::array();
  for (const wasmtime_val_t& result : results) {
    list.push_back(json_of(result));
  }
  return list.dump();
}

}  // namespace

Expected<std::vector<FunctionType>> core_function_types(const CompiledModule& module) {
  std::vector<FunctionType> types;
  for (const CoreFunction& function : functions_of(module)) {
    types.push_back(function.type());
  }
  TRY(check_count(types));
  return types;
}

Expected<std::vector<wasmtime_val_t>> core_arguments(const CompiledModule& module,
                                                     std::string_view function,
                                                     std::span<const std::string> arguments_json) {
  const CoreFunction found = TRY(find_function(module, function));
  if (arguments_json.size() != found.parameters.size()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" takes {} arguments, and {} are given: it is {}",
                            base::printable(function), found.parameters.size(),
                            arguments_json.size(), wit_text(found.type()));
  }
  std::vector<wasmtime_val_t> arguments;
  for (std::size_t index = 0; index < arguments_json.size(); ++index) {
    arguments.push_back(TRY(argument(arguments_json[index], found.parameters[index], index)));
  }
  return arguments;
}

Execution call_core_function(Engine& engine, const CompiledModule& module, GuestRun& run,
                             std::string_view function, std::vector<wasmtime_val_t> arguments,
                             std::uint64_t memory_limit_bytes, std::chrono::milliseconds timeout,
                             std::optional<std::string>& value_json) {
  const auto found = find_function(module, function);
  std::vector<wasmtime_val_t> results(found ? found->results.size() : 0);
  return execute_guest(
      engine, module, run, memory_limit_bytes, timeout,
      [&](wasmtime_context_t* context, const wasmtime_instance_t& instance) {
        CallFailure failure;
        wasmtime_extern_t item;
        if (!wasmtime_instance_export_get(context, &instance, function.data(), function.size(),
                                          &item)) {
          failure.error.reset(wasmtime_error_new("the exported function is missing"));
          return failure;
        }
        wasm_trap_t* trap = nullptr;
        failure.error.reset(wasmtime_func_call(context, &item.of.func, arguments.data(),
                                               arguments.size(), results.data(), results.size(),
                                               &trap));
        failure.trap.reset(trap);
        if (!failure) {
          value_json = json_of(results);
        }
        return failure;
      });
}

}  // namespace omnisandbox::wasm::exports
