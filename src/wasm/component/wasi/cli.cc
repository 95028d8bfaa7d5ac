#include <array>
#include <string_view>

#include "wasm/component/wasi/interfaces.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

void get_environment(HostCall& call) {
  std::vector<Value> variables;
  for (const std::string_view variable : call.guest().environment) {
    const std::size_t equals = variable.find('=');
    std::vector<Value> pair;
    pair.push_back(Value::string(variable.substr(0, equals)));
    pair.push_back(Value::string(variable.substr(equals + 1)));
    variables.push_back(Value::tuple(std::move(pair)));
  }
  call.give(Value::list(std::move(variables)));
}

void get_arguments(HostCall& call) {
  std::vector<Value> arguments;
  for (const std::string& argument : call.guest().args) {
    arguments.push_back(Value::string(argument));
  }
  call.give(Value::list(std::move(arguments)));
}

// A guest has no working folder: it sees the policy's folders, and nothing else.
void initial_cwd(HostCall& call) { call.give(Value::none()); }

void exit_with(HostCall& call, int code) {
  call.guest().exit_code = code;
  call.end_guest(GuestCall::End::exit);
}

void exit(HostCall& call) { exit_with(call, result_of(call.arg(0)).is_ok ? 0 : 1); }

void exit_with_code(HostCall& call) { exit_with(call, u8_of(call.arg(0))); }

void get_stdin(HostCall& call) {
  call.give(call.keep(ResourceKind::input_stream, InputStream{.is_stdin = true}));
}

void get_stdout(HostCall& call) {
  call.give(
      call.keep(ResourceKind::output_stream, OutputStream{.to = OutputStream::To::stdout_capture}));
}

void get_stderr(HostCall& call) {
  call.give(
      call.keep(ResourceKind::output_stream, OutputStream{.to = OutputStream::To::stderr_capture}));
}

// Never a terminal.
void get_terminal(HostCall& call) { call.give(Value::none()); }

constexpr std::array environment = {FunctionEntry{"get-environment", &get_environment},
                                    FunctionEntry{"get-arguments", &get_arguments},
                                    FunctionEntry{"initial-cwd", &initial_cwd}};
constexpr std::array exit_functions = {FunctionEntry{"exit", &exit},
                                       FunctionEntry{"exit-with-code", &exit_with_code}};
constexpr std::array stdin_functions = {FunctionEntry{"get-stdin", &get_stdin}};
constexpr std::array stdout_functions = {FunctionEntry{"get-stdout", &get_stdout}};
constexpr std::array stderr_functions = {FunctionEntry{"get-stderr", &get_stderr}};
constexpr std::array terminal_input = {
    ResourceEntry{"terminal-input", ResourceKind::terminal_input, &drop_nothing}};
constexpr std::array terminal_output = {
    ResourceEntry{"terminal-output", ResourceKind::terminal_output, &drop_nothing}};
constexpr std::array terminal_stdin = {FunctionEntry{"get-terminal-stdin", &get_terminal}};
constexpr std::array terminal_stdout = {FunctionEntry{"get-terminal-stdout", &get_terminal}};
constexpr std::array terminal_stderr = {FunctionEntry{"get-terminal-stderr", &get_terminal}};

constexpr std::array interfaces = {
    Interface{"wasi:cli/environment@0.2.12", {}, environment},
    Interface{"wasi:cli/exit@0.2.12", {}, exit_functions},
    Interface{"wasi:cli/stdin@0.2.12", {}, stdin_functions},
    Interface{"wasi:cli/stdout@0.2.12", {}, stdout_functions},
    Interface{"wasi:cli/stderr@0.2.12", {}, stderr_functions},
    Interface{"wasi:cli/terminal-input@0.2.12", terminal_input, {}},
    Interface{"wasi:cli/terminal-output@0.2.12", terminal_output, {}},
    Interface{"wasi:cli/terminal-stdin@0.2.12", {}, terminal_stdin},
    Interface{"wasi:cli/terminal-stdout@0.2.12", {}, terminal_stdout},
    Interface{"wasi:cli/terminal-stderr@0.2.12", {}, terminal_stderr},
};

}  // namespace

std::span<const Interface> cli_interfaces() { return interfaces; }

}  // namespace omnisandbox::wasm::component::wasi02
