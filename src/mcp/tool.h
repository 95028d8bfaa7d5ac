#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/json_text.h"

namespace omnisandbox::mcp {

/// What a tool's answer holds.
struct ToolResult {
  Json content = Json::array();  ///< blocks, as the protocol defines them
  Json structured{};             ///< an object that fits the tool's output schema; null: none
  bool is_error = false;
  std::vector<Json> denials{};  ///< for the client's log
};

/// What a call of a tool is given.
struct CallContext {
  std::chrono::steady_clock::time_point deadline{};  ///< the latest; the tool may have a nearer one
  std::stop_token stop{};
  /// Tells a client that asked for progress what is being done. From any thread.
  std::function<void(std::string_view)> report_stage{};
};

/// Hints for clients about what a tool does at the most (`annotations` of the protocol).
struct ToolHints {
  bool read_only = false;
  bool destructive = false;
  bool idempotent = false;
  bool open_world = false;
};

struct Tool {
  std::string name;
  std::string title;
  std::string description;
  Json input_schema;
  Json output_schema;  ///< null: none
  ToolHints hints;
  /// `arguments` is an object, unchecked. From any thread, several at once.
  std::function<ToolResult(const ParsedJson& arguments, const CallContext& context)> call;
};

}  // namespace omnisandbox::mcp
