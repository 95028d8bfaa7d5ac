#include "mcp/result_shape.h"

#include <utility>

#include "omnisandbox/version.h"

namespace omnisandbox::mcp {
namespace {

// A hint of revision 2026-07-28; a change of the list of tools is told apart from it.
constexpr int fresh_for_ms = 60'000;

}  // namespace

Json server_info() {
  return {{"name", "omnisandbox"}, {"title", "OmniSandbox"}, {"version", version()}};
}

Json shaped_result(Json result, Revision revision) {
  if (revision >= first_without_handshake) {
    result["resultType"] = "complete";
    result["_meta"]["io.modelcontextprotocol/serverInfo"] = server_info();
  }
  return result;
}

Json shaped_cacheable(Json result, Revision revision, Freshness freshness) {
  if (revision >= first_without_handshake) {
    result["ttlMs"] = freshness == Freshness::while_unchanged ? fresh_for_ms : 0;
    // What a policy allows is for those whom its server lets in.
    result["cacheScope"] = "private";
  }
  return shaped_result(std::move(result), revision);
}

Json tool_json(const Tool& tool, Revision revision) {
  Json json = {{"name", tool.name}};
  if (revision >= Revision::of_2025_06_18) {
    json["title"] = tool.title;
  }
  json["description"] = tool.description;
  json["inputSchema"] = tool.input_schema;
  if (revision >= Revision::of_2025_06_18 && !tool.output_schema.is_null()) {
    json["outputSchema"] = tool.output_schema;
  }
  if (revision >= Revision::of_2025_03_26) {
    json["annotations"] = {{"title", tool.title},
                           {"readOnlyHint", tool.hints.read_only},
                           {"destructiveHint", tool.hints.destructive},
                           {"idempotentHint", tool.hints.idempotent},
                           {"openWorldHint", tool.hints.open_world}};
  }
  return json;
}

Json tool_result_json(const ToolResult& result, Revision revision) {
  Json json = {{"content", result.content}};
  if (revision >= Revision::of_2025_06_18 && !result.structured.is_null()) {
    json["structuredContent"] = result.structured;
  }
  json["isError"] = result.is_error;
  return shaped_result(std::move(json), revision);
}

}  // namespace omnisandbox::mcp
