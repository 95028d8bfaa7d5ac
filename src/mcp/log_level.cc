#include "mcp/log_level.h"

#include <array>

namespace omnisandbox::mcp {
namespace {

constexpr std::array<std::string_view, 8> names = {"debug", "info",     "notice", "warning",
                                                   "error", "critical", "alert",  "emergency"};

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  return names[static_cast<std::size_t>(level)];
}

std::optional<LogLevel> log_level_from_string(std::string_view name) noexcept {
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index] == name) {
      return static_cast<LogLevel>(index);
    }
  }
  return std::nullopt;
}

}  // namespace omnisandbox::mcp
