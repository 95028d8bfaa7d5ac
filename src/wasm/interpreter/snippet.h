#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/interpreter.h"
#include "wasm/component/values.h"
#include "wasm/guest_run.h"
#include "wasm/run/guest_execution.h"

/// A snippet and its outcome as guests/interpreters/wit/interpreter.wit has them.
namespace omnisandbox::wasm::interpreter {

/// The interpreters' one export.
inline constexpr std::string_view evaluate_function = "evaluate";

/// The record `snippet`, with the run's arguments and environment.
component::Value snippet_value(std::string_view code, const GuestRun& run);

/// The last expression's value, as far as it is kept.
struct SnippetValue {
  std::optional<std::string> text{};
  bool is_truncated = false;
};

/// How the snippet ended by itself, from the record `outcome`. Its value is kept up to the run's
/// max_output_bytes, and cut between two characters. Throws component::WrongType for what is no
/// such record.
void read_outcome(const component::Value& outcome, const GuestRun& run,
                  std::uint64_t memory_limit_bytes, Execution& execution, SnippetValue& value);

/// Whether the interpreter is in a state to take another snippet: what ended by its own return goes
/// on; anything else may have left it in the middle of something.
bool may_take_another(const GuestRun& guest, const Execution& execution) noexcept;

/// SpiderMonkey ends itself where its heap finds no more room, with nothing but a message to tell
/// why. A snippet can print it and trap as well: it then names its own end wrongly, and no other's.
void name_memory_trap(Language language, std::uint64_t memory_limit_bytes, Result& result);

}  // namespace omnisandbox::wasm::interpreter
