#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mcp/tool.h"
#include "omnisandbox/error.h"
#include "omnisandbox/interpreter.h"
#include "omnisandbox/result.h"

/// Results of runs and calls as a model and its framework read them.
namespace omnisandbox::mcp {

/// A block of text. Bytes that are not UTF-8 are replaced when it is written.
Json text_block(std::string_view text);

/// A wrong argument: said to the model, which can correct it.
ToolResult argument_problem(const Error& error);

/// What refused it, why, and the line of the policy that would allow it.
std::string denial_text(const Denial& denial);

/// How a run ended, with all that it printed.
ToolResult run_result(const Result& result);
/// The same of a snippet, with its last value.
ToolResult evaluation_result(const Evaluation& evaluation);
/// The schema of its structured part.
Json run_result_schema();

/// How a call of an exported function ended: what it printed, and what it returned, as JSON. What
/// it returned as an error is one here, too: {"error": …} of a function that `can_fail`.
enum class ResultKind : std::uint8_t { plain, can_fail };
ToolResult export_result(const Result& result, const std::optional<std::string>& value_json,
                         ResultKind kind);

/// For a use of a host function that did not succeed: `result` says why.
ToolResult failed_call(const Result& result);

}  // namespace omnisandbox::mcp
