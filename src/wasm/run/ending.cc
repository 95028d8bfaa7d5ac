#include "wasm/run/ending.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "wasm/limits.h"
#include "wasm/run/backtrace.h"

namespace omnisandbox::wasm {
namespace {

// The contract's exit codes, so that a caller who looks at nothing but the code does not take a
// failure for success.
constexpr int timeout_exit_code = 124;
constexpr int failed_exit_code = 125;
constexpr int cancelled_exit_code = 130;
constexpr int trap_exit_code = 134;
constexpr int memory_exit_code = 137;

constexpr std::uint8_t trap_out_of_fuel = WASMTIME_TRAP_CODE_OUT_OF_FUEL;

std::string_view text_of(wasmtime_trap_code_t code) {
  switch (code) {
    case WASMTIME_TRAP_CODE_STACK_OVERFLOW:
      return "call stack exhausted";
    case WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS:
      return "out of bounds memory access";
    case WASMTIME_TRAP_CODE_HEAP_MISALIGNED:
      return "misaligned memory access";
    case WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS:
      return "out of bounds table access";
    case WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL:
      return "call of an empty table element";
    case WASMTIME_TRAP_CODE_BAD_SIGNATURE:
      return "indirect call of a function with another type";
    case WASMTIME_TRAP_CODE_INTEGER_OVERFLOW:
      return "integer overflow";
    case WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO:
      return "integer divide by zero";
    case WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER:
      return "invalid conversion to integer";
    case WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED:
      return "unreachable instruction executed";
    case WASMTIME_TRAP_CODE_NULL_REFERENCE:
      return "null reference";
    default:
      return "trap";
  }
}

std::string rendered(const CallFailure& failure) {
  ByteVector message;
  if (failure.trap != nullptr) {
    wasm_trap_message(failure.trap.get(), message.out());
  } else if (failure.error != nullptr) {
    wasmtime_error_message(failure.error.get(), message.out());
  }
  return std::string(message.text());
}

// Calls into components report a trap as an error, which has no code: its last line is the cause,
// and nothing in it is the guest's.
std::string_view cause_of(std::string_view text) {
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  text.remove_prefix(text.rfind('\n') + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

bool is_trap(const CallFailure& failure, std::string_view text) {
  return failure.trap != nullptr || cause_of(text).find("wasm trap: ") != std::string_view::npos;
}

bool is_out_of_fuel(const CallFailure& failure, std::string_view text) {
  wasmtime_trap_code_t code{};
  if (failure.trap != nullptr && wasmtime_trap_code(failure.trap.get(), &code)) {
    return code == trap_out_of_fuel;
  }
  return cause_of(text).ends_with("wasm trap: all fuel consumed by WebAssembly");
}

std::string reason_of(const CallFailure& failure, std::string_view text) {
  wasmtime_trap_code_t code{};
  if (failure.trap != nullptr && wasmtime_trap_code(failure.trap.get(), &code)) {
    return std::string(text_of(code));
  }
  // After the backtrace, whose frames are numbered too.
  constexpr std::string_view heading = "Caused by:\n";
  const std::size_t causes = text.rfind(heading);
  if (causes != std::string_view::npos) {
    text.remove_prefix(causes + heading.size());
  }
  const std::size_t cause = text.rfind("    0: ");
  return base::printable(cause == std::string_view::npos ? cause_of(text) : text.substr(cause + 7));
}

Ending out_of_memory(const omnisandbox_store_usage& usage, int exit_code,
                     std::string_view what_then) {
  return {
      .status = Status::memory_limit,
      .exit_code = exit_code,
      .error = base::make_error(
          ErrorKind::memory,
          "the guest held {} when it was refused more, and then {}; the limit is {}: set "
          "memory_limit_mb higher than {}",
          base::format_byte_size(usage.memory_bytes), what_then,
          base::format_byte_size(usage.memory_limit_bytes), usage.memory_limit_bytes / mebibyte)};
}

Ending trapped(std::string message) {
  return {.status = Status::trap,
          .exit_code = trap_exit_code,
          .error = Error{.kind = ErrorKind::trap, .message = std::move(message), .resource = {}}};
}

Ending ended_by_host(const GuestRun& run, const CallFailure& failure,
                     std::chrono::milliseconds timeout) {
  switch (run.ended_by) {
    case GuestCall::End::timeout:
      return {.status = Status::timeout,
              .exit_code = timeout_exit_code,
              .error = base::make_error(ErrorKind::timeout,
                                        "the run was ended at its deadline, after {} (timeout)",
                                        base::format_duration(timeout))};
    case GuestCall::End::cancelled:
      return {.status = Status::cancelled,
              .exit_code = cancelled_exit_code,
              .error = base::make_error(ErrorKind::cancelled, "the run was cancelled")};
    case GuestCall::End::bad_pointer:
      return trapped("the guest trapped: " +
                     (run.end_message.empty() ? std::string("it passed a range outside its memory")
                                              : run.end_message) +
                     backtrace_of(failure, rendered(failure)));
    case GuestCall::End::failed:
    case GuestCall::End::exit:
    case GuestCall::End::none:
      break;
  }
  return {.status = Status::failed,
          .exit_code = failed_exit_code,
          .error =
              base::make_error(ErrorKind::internal, "a host function failed: {}", run.end_message)};
}

}  // namespace

Ending ending_of(const GuestRun& run, const CallFailure& failure,
                 const omnisandbox_store_usage& usage, std::chrono::milliseconds timeout) {
  if (!failure) {
    return {};
  }
  if (run.ended_by == GuestCall::End::exit) {
    const int code = run.exit_code.value_or(0);
    if (code != 0 && usage.memory_refused) {
      return out_of_memory(usage, code, fmt::format("exited with {}", code));
    }
    return {.status = code == 0 ? Status::ok : Status::exited, .exit_code = code};
  }
  if (run.ended_by != GuestCall::End::none) {
    return ended_by_host(run, failure, timeout);
  }
  const std::string text = rendered(failure);
  if (is_out_of_fuel(failure, text)) {
    return {
        .status = Status::fuel_exhausted,
        .exit_code = timeout_exit_code,
        .error = base::make_error(ErrorKind::fuel, "the guest used up its fuel of {} (fuel_limit)",
                                  run.context.limits().fuel.value_or(0))};
  }
  const std::string message = reason_of(failure, text) + backtrace_of(failure, text);
  if (usage.memory_refused) {
    return out_of_memory(usage, memory_exit_code, "trapped: " + message);
  }
  if (is_trap(failure, text)) {
    return trapped("the guest trapped: " + message);
  }
  return {.status = Status::failed,
          .exit_code = failed_exit_code,
          .error = base::make_error(ErrorKind::internal, "the engine could not run the guest: {}",
                                    message)};
}

Ending ending_of(Error error) {
  Ending ending{.status = Status::failed, .exit_code = failed_exit_code, .error = std::move(error)};
  if (ending.error->kind == ErrorKind::memory) {
    ending.status = Status::memory_limit;
    ending.exit_code = memory_exit_code;
  } else if (ending.error->kind == ErrorKind::timeout) {
    ending.status = Status::timeout;
    ending.exit_code = timeout_exit_code;
  } else if (ending.error->kind == ErrorKind::cancelled) {
    ending.status = Status::cancelled;
    ending.exit_code = cancelled_exit_code;
  }
  return ending;
}

}  // namespace omnisandbox::wasm
