#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace omnisandbox::mcp {

/// Severities of RFC 5424, the least first.
enum class LogLevel : std::uint8_t {
  debug,
  info,
  notice,
  warning,
  error,
  critical,
  alert,
  emergency
};

std::string_view to_string(LogLevel level) noexcept;
std::optional<LogLevel> log_level_from_string(std::string_view name) noexcept;

}  // namespace omnisandbox::mcp
