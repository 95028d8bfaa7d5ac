#include "mcp/resources.h"

#include <string>

#include "runner/policy_json.h"

namespace omnisandbox::mcp {
namespace {

constexpr std::string_view policy_uri = "omnisandbox://policy";
constexpr std::string_view audit_uri = "omnisandbox://audit";
constexpr std::string_view json_type = "application/json";
constexpr std::string_view json_lines_type = "application/jsonl";

Json text_content(std::string_view uri, std::string_view type, std::string_view text) {
  return Json::array({{{"uri", uri}, {"mimeType", type}, {"text", text}}});
}

}  // namespace

Json resource_list() {
  return Json::array(
      {{{"uri", policy_uri},
        {"name", "policy"},
        {"title", "The policy"},
        {"description", "What this server's policy allows, and its limits"},
        {"mimeType", json_type}},
       {{"uri", audit_uri},
        {"name", "audit"},
        {"title", "The tail of the audit"},
        {"description", "The last decisions and outcomes, one JSON object a line, oldest first"},
        {"mimeType", json_lines_type}}});
}

std::optional<Json> read_resource(const Workspace& workspace, std::string_view uri) {
  if (uri == policy_uri) {
    return text_content(uri, json_type,
                        runner::policy_summary_json(workspace.policy.config()).dump(2));
  }
  if (uri == audit_uri) {
    std::string text;
    for (const std::string& line : workspace.audit->lines()) {
      text += line;
      text += '\n';
    }
    return text_content(uri, json_lines_type, text);
  }
  return std::nullopt;
}

}  // namespace omnisandbox::mcp
