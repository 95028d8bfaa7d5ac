// Reads policies and questions, one JSON object a line, and writes the engine's answers:
//   {"policies": ["version: 1\n…", …], "questions": [["fs_read", "/tmp/a"], …]}
//   {"limits": {…}, "answers": [[true, "allowed_paths[0] …"], …]}   or   {"error": "…"}
// Each policy after the first narrows the one before. A character of a resource is one byte.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"
#include "policy/compiled_policy.h"

namespace omnisandbox {
namespace {

using nlohmann::json;

Expected<Policy> compile(const json& texts) {
  std::optional<Policy> policy;
  for (const json& text : texts) {
    auto file = parse_policy_file(text.get_ref<const std::string&>(), "policy");
    if (!file) {
      return std::move(file).error();
    }
    auto next =
        policy ? policy->narrow(std::move(file->config)) : Policy::compile(std::move(file->config));
    if (!next) {
      return next;
    }
    policy = std::move(*next);
  }
  return std::move(*policy);
}

// U+0000 to U+00FF, in UTF-8, as the bytes 0 to 255.
std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      bytes += text[at];
    } else {
      bytes += static_cast<char>(((lead & 0x03U) << 6U) |
                                 (static_cast<unsigned char>(text.at(at + 1)) & 0x3FU));
      ++at;
    }
  }
  return bytes;
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json limits_of(const policy::Limits& limits) {
  return {{"timeout", limits.timeout.count()},
          {"max_output_bytes", limits.max_output_bytes},
          {"max_file_bytes", limits.max_file_bytes},
          {"max_response_bytes", limits.max_response_bytes},
          {"max_write_bytes", limits.max_write_bytes},
          {"max_files_created", limits.max_files_created},
          {"max_processes", limits.max_processes},
          {"max_open_files", limits.max_open_files},
          {"max_concurrent_runs", limits.max_concurrent_runs},
          {"max_host_calls", limits.max_host_calls},
          {"fuel_limit", or_null(limits.fuel)},
          {"cpu_time_limit", limits.cpu_time ? json(limits.cpu_time->count()) : json(nullptr)},
          {"memory_limit_mb", limits.memory_limit_bytes
                                  ? json(*limits.memory_limit_bytes / (1024 * 1024))
                                  : json(nullptr)}};
}

json answer(const json& line) {
  const auto policy = compile(line.at("policies"));
  if (!policy) {
    return {{"error", policy.error().message}};
  }
  json answers = json::array();
  for (const json& question : line.at("questions")) {
    const auto capability = capability_from_string(question.at(0).get_ref<const std::string&>());
    const Explanation explanation =
        policy->explain(capability.value(), bytes_of(question.at(1).get_ref<const std::string&>()));
    answers.push_back({explanation.allowed, explanation.rule});
  }
  return {{"limits", limits_of(policy->compiled().limits())}, {"answers", std::move(answers)}};
}

}  // namespace
}  // namespace omnisandbox

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = omnisandbox::answer(nlohmann::json::parse(line))
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::cout << text << '\n';
  }
  return 0;
}
