#include <cstddef>
#include <span>
#include <string_view>

#include "c_api/call.h"
#include "c_api/input.h"
#include "c_api/settings.h"

using namespace omnisandbox;
using c_api::evaluate_options;
using c_api::give;
using c_api::guarded;
using c_api::require;
using c_api::run_options;
using c_api::view;

namespace {

Expected<std::span<const std::byte>> module_bytes(omnisandbox_bytes_t bytes) {
  const std::string_view text = TRY(view(bytes, "module"));
  return std::as_bytes(std::span(text));
}

/// The checks that every function with a result begins with.
Expected<void> prepare(std::string_view name, const void* sandbox, omnisandbox_result_t** result) {
  TRY(require({{"result", result}}));
  *result = nullptr;
  return require({{name, sandbox}});
}

void give_evaluation(Evaluation evaluation, omnisandbox_result_t** result) {
  give(result, std::move(evaluation.result), std::move(evaluation.value),
       evaluation.value_truncated);
}

}  // namespace

omnisandbox_error_t* omnisandbox_exec_run(omnisandbox_functions_t* functions,
                                          omnisandbox_bytes_t command,
                                          const omnisandbox_input_t* input,
                                          omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("functions", functions, result));
    CommandRequest request{.command = std::string(TRY(view(command, "command")))};
    if (input != nullptr) {
      request.args = input->args;
      request.stdin_data = input->stdin_data;
    }
    give(result, TRY(functions->functions.exec_run(request)));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_runtime_create(const omnisandbox_policy_t* policy,
                                                const omnisandbox_settings_t* settings,
                                                omnisandbox_runtime_t** runtime) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"runtime", runtime}}));
    *runtime = nullptr;
    TRY(require({{"policy", policy}}));
    give(runtime, TRY(Runtime::create(policy->policy, c_api::runtime_options(settings))));
    return {};
  });
}

void omnisandbox_runtime_free(omnisandbox_runtime_t* runtime) { c_api::free_handle(runtime); }

omnisandbox_error_t* omnisandbox_runtime_compile(omnisandbox_runtime_t* runtime,
                                                 omnisandbox_bytes_t name,
                                                 omnisandbox_bytes_t module) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"runtime", runtime}}));
    return runtime->runtime.compile(std::string(TRY(view(name, "name"))),
                                    TRY(module_bytes(module)));
  });
}

omnisandbox_error_t* omnisandbox_runtime_execute(omnisandbox_runtime_t* runtime,
                                                 omnisandbox_bytes_t name,
                                                 const omnisandbox_input_t* input,
                                                 omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("runtime", runtime, result));
    const auto name_text = TRY(view(name, "name"));
    give(result, TRY(runtime->runtime.execute(name_text, run_options(input))));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_runtime_run(omnisandbox_runtime_t* runtime,
                                             omnisandbox_bytes_t module,
                                             const omnisandbox_input_t* input,
                                             omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("runtime", runtime, result));
    const auto code = TRY(module_bytes(module));
    give(result, TRY(runtime->runtime.run(code, run_options(input))));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_exports_load(const omnisandbox_policy_t* policy,
                                              omnisandbox_bytes_t name, omnisandbox_bytes_t module,
                                              const omnisandbox_settings_t* settings,
                                              omnisandbox_exports_t** exports) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"exports", exports}}));
    *exports = nullptr;
    TRY(require({{"policy", policy}}));
    const auto name_text = TRY(view(name, "name"));
    const auto code = TRY(module_bytes(module));
    auto loaded = TRY(ModuleExports::load(policy->policy, std::string(name_text), code,
                                          c_api::runtime_options(settings)));
    auto signatures = TRY(loaded.list());
    give(exports, std::move(loaded), std::move(signatures));
    return {};
  });
}

void omnisandbox_exports_free(omnisandbox_exports_t* exports) { c_api::free_handle(exports); }

size_t omnisandbox_exports_count(const omnisandbox_exports_t* exports) {
  return exports->signatures.size();
}

omnisandbox_bytes_t omnisandbox_exports_signature(const omnisandbox_exports_t* exports,
                                                  size_t index) {
  return c_api::bytes_of(index < exports->signatures.size() ? exports->signatures[index]
                                                            : std::string_view());
}

omnisandbox_error_t* omnisandbox_exports_call(omnisandbox_exports_t* exports,
                                              omnisandbox_bytes_t function,
                                              const omnisandbox_bytes_t* arguments_json,
                                              size_t argument_count,
                                              const omnisandbox_input_t* input,
                                              omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("exports", exports, result));
    if (argument_count > 0) {
      TRY(require({{"arguments_json", arguments_json}}));
    }
    std::vector<std::string> arguments;
    for (size_t index = 0; index < argument_count; ++index) {
      arguments.emplace_back(TRY(view(arguments_json[index], "arguments_json")));
    }
    RunOptions options = run_options(input);
    options.args.clear();
    const auto function_text = TRY(view(function, "function"));
    auto call = TRY(exports->exports.call(function_text, arguments, std::move(options)));
    give(result, std::move(call.result), std::move(call.value_json));
    return {};
  });
}

omnisandbox_error_t* omnisandbox_interpreter_create(const omnisandbox_policy_t* policy,
                                                    omnisandbox_language_t language,
                                                    const omnisandbox_settings_t* settings,
                                                    omnisandbox_interpreter_t** interpreter) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"interpreter", interpreter}}));
    *interpreter = nullptr;
    TRY(require({{"policy", policy}}));
    if (language != OMNISANDBOX_PYTHON && language != OMNISANDBOX_JAVASCRIPT) {
      return base::make_error(ErrorKind::invalid_argument, "{} is no language",
                              static_cast<int>(language));
    }
    give(interpreter, TRY(Interpreter::create(
                          policy->policy,
                          language == OMNISANDBOX_PYTHON ? Language::python : Language::javascript,
                          c_api::interpreter_options(settings))));
    return {};
  });
}

void omnisandbox_interpreter_free(omnisandbox_interpreter_t* interpreter) {
  c_api::free_handle(interpreter);
}

omnisandbox_error_t* omnisandbox_interpreter_evaluate(omnisandbox_interpreter_t* interpreter,
                                                      omnisandbox_bytes_t code,
                                                      const omnisandbox_input_t* input,
                                                      omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("interpreter", interpreter, result));
    const auto code_text = TRY(view(code, "code"));
    give_evaluation(TRY(interpreter->interpreter.evaluate(code_text, evaluate_options(input))),
                    result);
    return {};
  });
}

omnisandbox_error_t* omnisandbox_session_open(omnisandbox_interpreter_t* interpreter,
                                              omnisandbox_session_t** session) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"session", session}}));
    *session = nullptr;
    TRY(require({{"interpreter", interpreter}}));
    give(session, TRY(interpreter->interpreter.open_session()));
    return {};
  });
}

void omnisandbox_session_free(omnisandbox_session_t* session) { c_api::free_handle(session); }

omnisandbox_error_t* omnisandbox_session_evaluate(omnisandbox_session_t* session,
                                                  omnisandbox_bytes_t code,
                                                  const omnisandbox_input_t* input,
                                                  omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("session", session, result));
    const auto code_text = TRY(view(code, "code"));
    give_evaluation(TRY(session->session.evaluate(code_text, evaluate_options(input))), result);
    return {};
  });
}

bool omnisandbox_session_has_ended(const omnisandbox_session_t* session) {
  return session->session.has_ended();
}

omnisandbox_error_t* omnisandbox_process_sandbox_create(const omnisandbox_policy_t* policy,
                                                        const omnisandbox_settings_t* settings,
                                                        omnisandbox_process_sandbox_t** sandbox) {
  return guarded([&]() -> Expected<void> {
    TRY(require({{"sandbox", sandbox}}));
    *sandbox = nullptr;
    TRY(require({{"policy", policy}}));
    give(sandbox, TRY(ProcessSandbox::create(policy->policy, c_api::process_options(settings))));
    return {};
  });
}

void omnisandbox_process_sandbox_free(omnisandbox_process_sandbox_t* sandbox) {
  c_api::free_handle(sandbox);
}

omnisandbox_error_t* omnisandbox_process_sandbox_run(omnisandbox_process_sandbox_t* sandbox,
                                                     omnisandbox_bytes_t command,
                                                     const omnisandbox_input_t* input,
                                                     omnisandbox_result_t** result) {
  return guarded([&]() -> Expected<void> {
    TRY(prepare("sandbox", sandbox, result));
    std::vector<std::string> args;
    if (input != nullptr) {
      args = input->args;
    }
    const auto command_text = TRY(view(command, "command"));
    give(result, TRY(sandbox->sandbox.run(command_text, std::move(args),
                                          c_api::process_run_options(input))));
    return {};
  });
}
