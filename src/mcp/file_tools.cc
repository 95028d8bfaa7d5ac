#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "mcp/tool_parts.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"
#include "runner/base64.h"

namespace omnisandbox::mcp {
namespace {

Parameter path_parameter(std::string description) {
  return {.name = "path", .presence = Presence::required, .description = std::move(description)};
}

/// A file's content as text where it is text, else as an embedded resource.
ToolResult content_result(const std::string& path, const std::string& content) {
  ToolResult result;
  const bool is_text = base::is_utf8(content);
  std::string encoded = is_text ? content : runner::to_base64(content);
  if (is_text) {
    result.content.push_back(text_block(content));
  } else {
    result.content.push_back({{"type", "resource"},
                              {"resource",
                               {{"uri", "file://" + path},
                                {"mimeType", "application/octet-stream"},
                                {"blob", encoded}}}});
  }
  result.structured = {{"path", path},
                       {"encoding", is_text ? "utf-8" : "base64"},
                       {"content", std::move(encoded)},
                       {"size_bytes", content.size()}};
  return result;
}

Json content_schema() {
  return {{"type", "object"},
          {"properties",
           {{"path", {{"type", "string"}}},
            {"encoding", {{"type", "string"}, {"enum", Json::array({"utf-8", "base64"})}}},
            {"content", {{"type", "string"}}},
            {"size_bytes", {{"type", "integer"}}}}},
          {"required", Json::array({"path", "encoding", "content", "size_bytes"})}};
}

std::string_view name_of(FileType type) {
  switch (type) {
    case FileType::regular:
      return "file";
    case FileType::directory:
      return "directory";
    case FileType::symlink:
      return "symlink";
    case FileType::other:
      return "other";
  }
  return "other";
}

ToolResult entries_result(const std::string& path, const std::vector<DirectoryEntry>& entries) {
  ToolResult result;
  std::string text;
  Json listed = Json::array();
  for (const DirectoryEntry& entry : entries) {
    // A name with a newline must not look like two.
    text += base::printable(entry.name) + (entry.type == FileType::directory ? "/\n" : "\n");
    Json item = {{"type", name_of(entry.type)}};
    runner::add_bytes(item, "name", entry.name);
    listed.push_back(std::move(item));
  }
  result.content.push_back(text_block(entries.empty() ? "(empty)" : text));
  result.structured = {{"path", path}, {"entries", std::move(listed)}};
  return result;
}

Json entries_schema() {
  const Json entry = {
      {"type", "object"},
      {"properties",
       {{"type",
         {{"type", "string"}, {"enum", Json::array({"file", "directory", "symlink", "other"})}}},
        {"name", {{"type", "string"}}},
        {"name_encoding", {{"const", "base64"}}}}},
      {"required", Json::array({"type", "name"})}};
  return {{"type", "object"},
          {"properties",
           {{"path", {{"type", "string"}}}, {"entries", {{"type", "array"}, {"items", entry}}}}},
          {"required", Json::array({"path", "entries"})}};
}

/// The content of write_file as bytes.
Expected<std::string> bytes_of(const Arguments& arguments) {
  if (arguments.text("encoding") != "base64") {
    return arguments.text("content");
  }
  auto bytes = runner::from_base64(arguments.text("content"));
  if (!bytes) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the argument \"content\" is not base64 (RFC 4648, with padding)");
  }
  return *std::move(bytes);
}

WriteMode mode_of(const Arguments& arguments) {
  const std::string mode = arguments.text("mode");
  return mode == "append"       ? WriteMode::append
         : mode == "create_new" ? WriteMode::create_new
                                : WriteMode::replace;
}

}  // namespace

Tool make_read_tool(std::shared_ptr<const Workspace> workspace) {
  const std::vector<Parameter> parameters = {
      path_parameter("The file's absolute path"),
      {.name = "offset",
       .type = ParameterType::count,
       .description = "Begin at this byte instead of the first"},
      {.name = "length",
       .type = ParameterType::count,
       .description = "Read at most so many bytes; without it, to the end"},
      timeout_parameter()};
  Tool tool{.name = "read_file",
            .title = "Read a file",
            .description =
                "Read a file that the policy opens. What is not UTF-8 comes as base64. "
                "A file beyond the policy's size limit is an error; read it in parts.",
            .input_schema = input_schema(parameters),
            .output_schema = content_schema(),
            .hints = {.read_only = true, .idempotent = true},
            .call = {}};
  tool.call = with_arguments(
      parameters,
      [workspace = std::move(workspace)](const Arguments& arguments, const CallContext& context) {
        const std::string path = arguments.text("path");
        std::string content;
        const Result result = use_host_function(
            *workspace, "fs_read", path, deadline_of(arguments, context), context,
            [&](HostFunctions& functions) -> Expected<void> {
              content =
                  TRY(functions.fs_read(path, {.offset = arguments.count("offset").value_or(0),
                                               .length = arguments.count("length")}));
              return {};
            });
        return result.status == Status::ok ? content_result(path, content) : failed_call(result);
      });
  return tool;
}

Tool make_write_tool(std::shared_ptr<const Workspace> workspace) {
  const std::vector<Parameter> parameters = {
      path_parameter("The file's absolute path; its folder must exist"),
      {.name = "content", .presence = Presence::required, .description = "What to write"},
      {.name = "encoding",
       .description = "How content is written here. Default: utf-8",
       .choices = {"utf-8", "base64"}},
      {.name = "mode",
       .description = "replace (the default): the old file or the new one, never a mix; append; "
                      "create_new: an error where the file exists",
       .choices = {"replace", "append", "create_new"}},
      timeout_parameter()};
  Tool tool{.name = "write_file",
            .title = "Write a file",
            .description = "Write a file where the policy allows writing.",
            .input_schema = input_schema(parameters),
            .output_schema = {{"type", "object"},
                              {"properties",
                               {{"path", {{"type", "string"}}},
                                {"bytes_written", {{"type", "integer"}}}}},
                              {"required", Json::array({"path", "bytes_written"})}},
            .hints = {.destructive = true},
            .call = {}};
  tool.call = with_arguments(
      parameters,
      [workspace = std::move(workspace)](const Arguments& arguments, const CallContext& context) {
        const std::string path = arguments.text("path");
        const auto content = bytes_of(arguments);
        if (!content) {
          return argument_problem(content.error());
        }
        const Result result = use_host_function(
            *workspace, "fs_write", path, deadline_of(arguments, context), context,
            [&](HostFunctions& functions) {
              return functions.fs_write(path, *content, {.mode = mode_of(arguments)});
            });
        if (result.status != Status::ok) {
          return failed_call(result);
        }
        ToolResult answer;
        answer.content.push_back(text_block(
            fmt::format("wrote {} bytes to {}", content->size(), base::printable(path))));
        answer.structured = {{"path", path}, {"bytes_written", content->size()}};
        return answer;
      });
  return tool;
}

Tool make_list_tool(std::shared_ptr<const Workspace> workspace) {
  const std::vector<Parameter> parameters = {path_parameter("The folder's absolute path"),
                                             timeout_parameter()};
  Tool tool{.name = "list_files",
            .title = "List a folder",
            .description =
                "List a folder that the policy opens, sorted by name; folders end in "
                "\"/\". What the policy hides is left out.",
            .input_schema = input_schema(parameters),
            .output_schema = entries_schema(),
            .hints = {.read_only = true, .idempotent = true},
            .call = {}};
  tool.call = with_arguments(
      parameters,
      [workspace = std::move(workspace)](const Arguments& arguments, const CallContext& context) {
        const std::string path = arguments.text("path");
        std::vector<DirectoryEntry> entries;
        const Result result =
            use_host_function(*workspace, "fs_read.list", path, deadline_of(arguments, context),
                              context, [&](HostFunctions& functions) -> Expected<void> {
                                entries = TRY(functions.fs_list(path));
                                return {};
                              });
        return result.status == Status::ok ? entries_result(path, entries) : failed_call(result);
      });
  return tool;
}

}  // namespace omnisandbox::mcp
