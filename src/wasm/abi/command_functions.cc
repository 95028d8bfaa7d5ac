#include "base/error.h"
#include "base/try.h"
#include "wasm/abi/call_arguments.h"
#include "wasm/abi/error_codes.h"
#include "wasm/abi/functions.h"
#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {
namespace {

constexpr std::int32_t exit_code_unknown = 255;

/// Each argument ends with a NUL, so that an empty one and none at all differ.
Expected<std::vector<std::string>> parse_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    if (end == std::string_view::npos) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "exec_run: the last argument has no NUL at its end; each argument ends with one");
    }
    if (arguments.size() == max_argument_count) {
      return base::make_error(ErrorKind::too_large, "exec_run: more than {} arguments",
                              max_argument_count);
    }
    arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return arguments;
}

Expected<StoredResult> run_command(GuestCall& call, std::string_view command, std::string_view args,
                                   std::string_view input) {
  CommandRequest request;
  request.command = command;
  request.args = TRY(parse_arguments(args));
  request.stdin_data = input;
  TRY(handles_of(call.run).check_room(2 * call.run.context.limits().max_output_bytes));
  Result outcome = TRY(call.run.host_functions.exec_run(request));
  StoredResult result;
  result.status = outcome.exit_code >= 0 ? outcome.exit_code : exit_code_unknown;
  result.parts.push_back(
      {.bytes = std::move(outcome.stdout_data), .total_bytes = outcome.stdout_bytes});
  result.parts.push_back(
      {.bytes = std::move(outcome.stderr_data), .total_bytes = outcome.stderr_bytes});
  result.parts.push_back(whole(std::string(to_string(outcome.status))));
  return result;
}

Expected<void> check_lengths(GuestRange command, GuestRange args, GuestRange input) {
  TRY(check_length("command's name", command, max_name_bytes));
  TRY(check_length("arguments", args, max_arguments_bytes));
  return check_length("stdin", input, max_body_bytes);
}

}  // namespace

std::int32_t exec_run(GuestCall& call, std::uint32_t command, std::uint32_t command_len,
                      std::uint32_t args, std::uint32_t args_len, std::uint32_t input,
                      std::uint32_t input_len) {
  const auto command_text = text_at(call, "exec_run", {command, command_len});
  const auto args_text = text_at(call, "exec_run", {args, args_len});
  const auto input_text = text_at(call, "exec_run", {input, input_len});
  if (!command_text || !args_text || !input_text) {
    return 0;
  }
  if (const auto fits = check_lengths({command, command_len}, {args, args_len}, {input, input_len});
      !fits) {
    return fail(call, fits.error());
  }
  auto result = run_command(call, *command_text, *args_text, *input_text);
  return result ? keep(call, std::move(*result)) : fail(call, result.error());
}

}  // namespace omnisandbox::wasm::abi
