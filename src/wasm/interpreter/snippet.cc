#include "wasm/interpreter/snippet.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm::interpreter {
namespace {

constexpr int out_of_memory_exit_code = 137;

// Where a character begins, at most `limit` bytes in.
std::string_view cut_between_characters(std::string_view text, std::uint64_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  const auto continues = [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80;
  };
  auto end = static_cast<std::size_t>(limit);
  while (end > 0 && continues(text[end])) {
    --end;
  }
  return text.substr(0, end);
}

// An interpreter says so of any such error, also of one that the snippet made, and the host knows
// better. SpiderMonkey also gives up without asking, where the next step of its own heap would not
// fit: it holds more than half of the limit then.
bool memory_ran_out(const Execution& execution, std::uint64_t memory_limit_bytes) noexcept {
  return execution.memory_refused || execution.peak_memory_bytes > memory_limit_bytes / 2;
}

Error out_of_memory(std::uint64_t memory_limit_bytes) {
  return base::make_error(ErrorKind::memory,
                          "the snippet ran out of memory; memory_limit_mb is {}, and a higher one "
                          "gives it more",
                          memory_limit_bytes / mebibyte);
}

}  // namespace

component::Value snippet_value(std::string_view code, const GuestRun& run) {
  std::vector<component::Value> arguments;
  for (std::size_t index = 1; index < run.args.size(); ++index) {
    arguments.push_back(component::Value::string(run.args[index]));
  }
  std::vector<component::Value> environment;
  for (const std::string_view variable : run.environment) {
    const std::size_t equals = variable.find('=');
    std::vector<component::Value> pair;
    pair.push_back(component::Value::string(variable.substr(0, equals)));
    pair.push_back(component::Value::string(variable.substr(equals + 1)));
    environment.push_back(component::Value::tuple(std::move(pair)));
  }
  std::vector<std::pair<std::string_view, component::Value>> fields;
  fields.emplace_back("code", component::Value::string(code));
  fields.emplace_back("name", component::Value::string(run.args.front()));
  fields.emplace_back("arguments", component::Value::list(std::move(arguments)));
  fields.emplace_back("environment", component::Value::list(std::move(environment)));
  return component::Value::record(std::move(fields));
}

void read_outcome(const component::Value& outcome, const GuestRun& run,
                  std::uint64_t memory_limit_bytes, Execution& execution, SnippetValue& value) {
  using namespace component;
  const auto& record = outcome.get();
  execution.ending.exit_code = s32_of(field_of(record, "exit-code"));
  execution.ending.status = execution.ending.exit_code == 0 ? Status::ok : Status::exited;
  if (const auto* shown = option_of(field_of(record, "value"))) {
    const std::string_view whole = string_of(*shown);
    value.text = cut_between_characters(whole, run.context.limits().max_output_bytes);
    value.is_truncated = value.text->size() < whole.size();
  }
  if (boolean_of(field_of(record, "out-of-memory")) &&
      memory_ran_out(execution, memory_limit_bytes)) {
    execution.ending = {.status = Status::memory_limit,
                        .exit_code = out_of_memory_exit_code,
                        .error = out_of_memory(memory_limit_bytes)};
  }
}

bool may_take_another(const GuestRun& guest, const Execution& execution) noexcept {
  return guest.ended_by == GuestCall::End::none &&
         (execution.ending.status == Status::ok || execution.ending.status == Status::exited);
}

void name_memory_trap(Language language, std::uint64_t memory_limit_bytes, Result& result) {
  constexpr std::string_view message =
      "out of memory\"\nRedirecting call to abort() to mozalloc_abort\n";
  if (language == Language::javascript && result.status == Status::trap &&
      result.stderr_data.find(message) != std::string::npos) {
    result.status = Status::memory_limit;
    result.exit_code = out_of_memory_exit_code;
    result.error = out_of_memory(memory_limit_bytes);
  }
}

}  // namespace omnisandbox::wasm::interpreter
