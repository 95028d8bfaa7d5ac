// A policy file loads, or is refused with a message of one printable line that begins with a place
// inside the file; and what loads is within its bounds.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "omnisandbox/policy_file.h"
#include "policy/limits.h"
#include "policy/lint.h"

namespace {

using omnisandbox::PolicyFile;

void require(bool condition, const char* property, std::string_view message) {
  if (condition) {
    return;
  }
  std::fprintf(stderr, "%s: %.*s\n", property, static_cast<int>(message.size()), message.data());
  std::abort();
}

std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(error == std::errc(), "a line and a column", text);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

void check_error(const omnisandbox::Error& error, std::string_view input) {
  using omnisandbox::ErrorKind;
  require(error.kind == ErrorKind::invalid_argument, "the kind is invalid_argument", error.message);
  for (const char character : error.message) {
    require(static_cast<unsigned char>(character) >= 0x20 && character != 0x7F,
            "the message is printable", error.message);
  }
  std::string_view rest = error.message;
  require(rest.starts_with("fuzz.yaml:"), "the message begins with the file's name", error.message);
  rest.remove_prefix(10);
  const std::size_t line = take_number(rest);
  require(rest.starts_with(':'), "the message has a column", error.message);
  rest.remove_prefix(1);
  const std::size_t column = take_number(rest);
  require(rest.starts_with(": ") && rest.size() > 2, "the message says something", error.message);
  const auto lines = static_cast<std::size_t>(std::count(input.begin(), input.end(), '\n')) + 1;
  require(line >= 1 && line <= lines, "the line is one of the file", error.message);
  require(column >= 1 && column <= input.size() + 1, "the column is one of the file",
          error.message);
  require(error.message.size() < 2'000, "the message is short", error.message);
}

void check_file(const PolicyFile& file) {
  namespace policy = omnisandbox::policy;
  const omnisandbox::Config& config = file.config;
  require(config.timeout.value() >= std::chrono::milliseconds(1) &&
              config.timeout.value() <= policy::max_timeout,
          "bounds", "timeout");
  require(config.memory_limit_mb >= 1 && config.memory_limit_mb <= policy::max_memory_limit_mb,
          "bounds", "memory_limit_mb");
  require(config.max_output_bytes <= policy::max_buffer_bytes, "bounds", "max_output_bytes");
  require(config.max_processes >= 1 && config.max_processes <= policy::max_processes_ceiling,
          "bounds", "max_processes");
  require(config.capabilities.size() <= 4, "bounds", "capabilities");
  for (const omnisandbox::PathRule& rule : config.allowed_paths) {
    require(rule.path.find('\0') == std::string::npos, "no NUL", "allowed_paths");
  }
  for (const omnisandbox::PolicyWarning& warning : lint(file)) {
    for (const char character : warning.message + warning.advice) {
      require(static_cast<unsigned char>(character) >= 0x20, "a warning is printable",
              warning.message);
    }
  }
  require(file.positions.contains("version"), "positions are kept", "version");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto file = omnisandbox::parse_policy_file(input, "fuzz.yaml");
  if (file) {
    check_file(*file);
  } else {
    check_error(file.error(), input);
  }
  return 0;
}
