#include <fmt/format.h>

#include <utility>

#include "base/try.h"
#include "base/utf8.h"
#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"

namespace omnisandbox::mcp {
namespace {

constexpr int first_failure_status = 400;

HttpRequest request_of(const Arguments& arguments) {
  HttpRequest request{.url = arguments.text("url")};
  const auto body = arguments.optional_text("body");
  request.method = arguments.optional_text("method").value_or(body ? "POST" : "GET");
  request.body = body.value_or(std::string());
  for (auto& [name, value] : arguments.text_map("headers")) {
    request.headers.push_back({.name = name, .value = value});
  }
  return request;
}

ToolResult response_result(const HttpResponse& response) {
  std::string text;
  if (response.status >= first_failure_status) {
    text = fmt::format("[HTTP status {}]\n", response.status);
  }
  text += base::is_utf8(response.body)
              ? response.body
              : fmt::format("[{} bytes that are not text; structuredContent has them in base64]",
                            response.body.size());
  ToolResult result;
  result.content.push_back(text_block(text));
  result.structured = runner::response_json(response);
  return result;
}

Json response_schema() {
  const Json header = {
      {"type", "object"},
      {"properties", {{"name", {{"type", "string"}}}, {"value", {{"type", "string"}}}}}};
  return {{"type", "object"},
          {"properties",
           {{"status", {{"type", "integer"}}},
            {"headers", {{"type", "array"}, {"items", header}}},
            {"body", {{"type", "string"}}},
            {"body_encoding", {{"const", "base64"}}},
            {"final_url", {{"type", "string"}}}}},
          {"required", Json::array({"status", "headers", "body", "final_url"})}};
}

}  // namespace

Tool make_fetch_tool(std::shared_ptr<const Workspace> workspace) {
  const std::vector<Parameter> parameters = {
      {.name = "url", .presence = Presence::required, .description = "An http or https URL"},
      {.name = "method", .description = "Default: GET, with a body POST"},
      {.name = "headers",
       .type = ParameterType::text_map,
       .description = "Headers of the request, by name"},
      {.name = "body", .description = "The request's body"},
      timeout_parameter()};
  Tool tool{.name = "http_fetch",
            .title = "Make an HTTP request",
            .description =
                "Make an HTTP request to a host that the policy lists. Redirects are "
                "followed where the policy allows them. A status of 400 and above is an "
                "answer, not an error.",
            .input_schema = input_schema(parameters),
            .output_schema = response_schema(),
            .hints = {.destructive = true, .open_world = true},
            .call = {}};
  tool.call = with_arguments(
      parameters,
      [workspace = std::move(workspace)](const Arguments& arguments, const CallContext& context) {
        const HttpRequest request = request_of(arguments);
        HttpResponse response;
        context.report_stage("waiting for the answer");
        const Result result = use_host_function(*workspace, "http_fetch", request.url,
                                                deadline_of(arguments, context), context,
                                                [&](HostFunctions& functions) -> Expected<void> {
                                                  response = TRY(functions.http_fetch(request));
                                                  return {};
                                                });
        return result.status == Status::ok ? response_result(response) : failed_call(result);
      });
  return tool;
}

}  // namespace omnisandbox::mcp
