#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"

namespace omnisandbox::mcp {
namespace {

ToolResult explanation_result(const Explanation& answer, const std::string& resource) {
  ToolResult result;
  if (answer.allowed) {
    result.content.push_back(text_block(
        fmt::format("allowed: {} {}\n  rule: {}\n  reason: {}\n", to_string(answer.capability),
                    base::printable(resource), answer.rule, answer.reason)));
  } else {
    result.content.push_back(text_block(denial_text({.capability = answer.capability,
                                                     .resource = resource,
                                                     .rule = answer.rule,
                                                     .reason = answer.reason,
                                                     .remedy = answer.remedy})));
  }
  result.structured = {{"allowed", answer.allowed}, {"capability", to_string(answer.capability)},
                       {"resource", resource},      {"rule", answer.rule},
                       {"reason", answer.reason},   {"remedy", answer.remedy}};
  return result;
}

Json explanation_schema() {
  Json properties = {{"allowed", {{"type", "boolean"}}}};
  Json required = Json::array({"allowed"});
  for (const char* name : {"capability", "resource", "rule", "reason", "remedy"}) {
    properties[name] = {{"type", "string"}};
    required.push_back(name);
  }
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

}  // namespace

Tool make_explain_tool(std::shared_ptr<const Workspace> workspace) {
  std::vector<std::string> capabilities;
  for (const Capability capability : all_capabilities) {
    capabilities.emplace_back(to_string(capability));
  }
  const std::vector<Parameter> parameters = {
      {.name = "capability",
       .presence = Presence::required,
       .description = "What kind of use is asked about",
       .choices = std::move(capabilities)},
      {.name = "resource",
       .presence = Presence::required,
       .description = "An absolute path, a URL (or METHOD URL), or a command with its arguments"}};
  Tool tool{.name = "explain_policy",
            .title = "Ask the policy",
            .description =
                "Say whether the policy allows something, by which rule, and what line "
                "would have to be added where it does not. Has no effect.",
            .input_schema = input_schema(parameters),
            .output_schema = explanation_schema(),
            .hints = {.read_only = true, .idempotent = true},
            .call = {}};
  tool.call = with_arguments(parameters, [workspace = std::move(workspace)](
                                             const Arguments& arguments, const CallContext&) {
    const auto capability = capability_from_string(arguments.text("capability"));
    const std::string resource = arguments.text("resource");
    // The table of parameters lets no other name through.
    return explanation_result(
        workspace->policy.explain(capability.value_or(Capability::fs_read), resource), resource);
  });
  return tool;
}

}  // namespace omnisandbox::mcp
