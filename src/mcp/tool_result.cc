#include "mcp/tool_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "runner/refusal_text.h"
#include "runner/result_json.h"

namespace omnisandbox::mcp {
namespace {

// A model that was refused five times has understood; the structured part has them all.
constexpr std::size_t max_denials_in_text = 5;

void append_section(std::string& text, std::string_view section) {
  if (!text.empty() && !text.ends_with('\n')) {
    text += '\n';
  }
  text += section;
}

std::string cut_note(std::string_view stream, std::size_t kept, std::uint64_t total) {
  return fmt::format(
      "[{} was cut: the first {} of {} bytes were kept; max_output_bytes in the "
      "policy says how many]",
      stream, kept, total);
}

std::string all_denials(const Result& result) {
  std::string text;
  const std::size_t count = std::min(result.denials.size(), max_denials_in_text);
  for (std::size_t index = 0; index < count; ++index) {
    append_section(text, denial_text(result.denials[index]));
  }
  if (result.denial_count > count) {
    append_section(text, fmt::format("[{} more denials]", result.denial_count - count));
  }
  return text;
}

std::string refusals_text(const RefusalReport& report) {
  std::string text;
  const std::size_t count = std::min(report.entries.size(), max_denials_in_text);
  for (std::size_t index = 0; index < count; ++index) {
    append_section(text, runner::refusal_text(report.entries[index]));
  }
  if (report.entries.size() > count || report.is_cut) {
    append_section(text, "[there were more refusals]");
  }
  return text;
}

std::string value_cut_note(std::size_t kept) {
  return fmt::format(
      "[the value was cut: its first {} bytes were kept; max_output_bytes in the policy says how "
      "many]",
      kept);
}

std::string run_text(const Result& result, const std::string* value, bool value_truncated = false) {
  std::string text = result.stdout_data;
  if (value != nullptr) {
    append_section(text, *value);
  }
  if (value_truncated) {
    append_section(text, value_cut_note(value->size()));
  }
  if (result.stdout_truncated) {
    append_section(text, cut_note("stdout", result.stdout_data.size(), result.stdout_bytes));
  }
  if (!result.stderr_data.empty()) {
    append_section(text, "[stderr]\n" + result.stderr_data);
  }
  if (result.stderr_truncated) {
    append_section(text, cut_note("stderr", result.stderr_data.size(), result.stderr_bytes));
  }
  if (result.status == Status::exited) {
    append_section(text, fmt::format("[exit code {}]", result.exit_code));
  }
  if (result.error && !result.error->denial) {
    append_section(text, fmt::format("[{}] {}", to_string(result.status), result.error->message));
  }
  if (!result.denials.empty()) {
    append_section(text, all_denials(result));
  }
  if (result.refusals && !result.refusals->entries.empty()) {
    append_section(text, refusals_text(*result.refusals));
  }
  return text;
}

std::vector<Json> denials_of(const Result& result) {
  std::vector<Json> denials;
  std::transform(result.denials.begin(), result.denials.end(), std::back_inserter(denials),
                 &runner::denial_json);
  return denials;
}

}  // namespace

Json text_block(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

ToolResult argument_problem(const Error& error) {
  ToolResult result{.is_error = true};
  result.content.push_back(text_block(error.message));
  return result;
}

std::string denial_text(const Denial& denial) {
  std::string text =
      fmt::format("denied: {} {}\n  rule: {}\n  reason: {}\n", to_string(denial.capability),
                  base::printable(denial.resource),
                  denial.rule.empty() ? "none allows it" : denial.rule, denial.reason);
  text += denial.remedy.empty()
              ? "  no line of the policy can allow it\n"
              : fmt::format("  the policy line that would allow it: {}\n", denial.remedy);
  return text;
}

ToolResult run_result(const Result& result) { return evaluation_result({.result = result}); }

ToolResult evaluation_result(const Evaluation& evaluation) {
  const Result& result = evaluation.result;
  const std::string* value = evaluation.value ? &*evaluation.value : nullptr;
  ToolResult answer{.is_error = result.status != Status::ok, .denials = denials_of(result)};
  answer.content.push_back(text_block(run_text(result, value, evaluation.value_truncated)));
  // What ended in another way has no exit code of its own.
  answer.structured = runner::result_json(result, 0);
  if (result.status != Status::ok && result.status != Status::exited) {
    answer.structured["exit_code"] = nullptr;
  }
  if (value != nullptr) {
    runner::add_bytes(answer.structured, "value", *value);
    answer.structured["value_truncated"] = evaluation.value_truncated;
  }
  return answer;
}

Json run_result_schema() {
  const auto of_type = [](const char* type) { return Json{{"type", type}}; };
  const auto nullable = [](const char* type) {
    return Json{{"type", Json::array({type, "null"})}};
  };
  Json properties;
  properties["status"] = {
      {"type", "string"},
      {"enum", Json::array({"ok", "exited", "timeout", "memory_limit", "fuel_exhausted",
                            "process_limit", "trap", "denied", "cancelled", "failed"})}};
  properties["exit_code"] = nullable("integer");
  for (const char* stream : {"stdout", "stderr"}) {
    const std::string name = stream;
    properties[name] = of_type("string");
    properties[name + "_encoding"] = {{"const", "base64"},
                                      {"description", "There where the bytes are not UTF-8"}};
    properties[name + "_truncated"] = of_type("boolean");
    properties[name + "_bytes"] = of_type("integer");
  }
  properties["value"] = of_type("string");
  properties["value_truncated"] = of_type("boolean");
  properties["duration_ms"] = of_type("number");
  properties["peak_memory_bytes"] = of_type("integer");
  properties["sandbox"] = of_type("object");
  properties["denials"] = {{"type", "array"}, {"items", of_type("object")}};
  properties["denial_count"] = of_type("integer");
  properties["refusals"] = {{"type", "array"},
                            {"items", of_type("object")},
                            {"description",
                             "There where the server's operator lets commands be explained: what "
                             "the command was refused, by which layer, and what would allow it"}};
  properties["refusal_count"] = of_type("integer");
  properties["refusals_cut"] = of_type("boolean");
  properties["error"] = nullable("object");
  properties["run_id"] = of_type("string");
  return {
      {"type", "object"},
      {"properties", std::move(properties)},
      {"required", Json::array({"status", "exit_code", "stdout", "stderr", "denials", "error"})}};
}

ToolResult export_result(const Result& result, const std::optional<std::string>& value_json,
                         ResultKind kind) {
  ToolResult answer{.is_error = result.status != Status::ok, .denials = denials_of(result)};
  std::string text;
  if (value_json) {
    Json value = Json::parse(*value_json, nullptr, /*allow_exceptions=*/false);
    if (value.is_discarded()) {
      // The call has checked it; a value that is none must not pass for one.
      answer.is_error = true;
      text = "[internal] the function's value is not JSON";
    } else {
      const bool can_fail = kind == ResultKind::can_fail && value.is_object();
      const bool has_failed = can_fail && value.contains("error");
      answer.is_error = answer.is_error || has_failed;
      const Json& shown = can_fail ? value.front() : value;
      text = shown.is_string() ? shown.get<std::string>() : to_text(shown);
      if (has_failed) {
        text = "[error] " + text;
      }
      answer.structured = {{"value", std::move(value)}};
    }
  }
  answer.content.push_back(text_block(run_text(result, value_json ? &text : nullptr)));
  return answer;
}

ToolResult failed_call(const Result& result) {
  ToolResult answer{.is_error = true, .denials = denials_of(result)};
  answer.content.push_back(text_block(run_text(result, nullptr)));
  return answer;
}

}  // namespace omnisandbox::mcp
