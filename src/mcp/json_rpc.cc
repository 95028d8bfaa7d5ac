#include "mcp/json_rpc.h"

#include <utility>

#include "mcp/limits.h"

namespace omnisandbox::mcp {
Json readable_id(const ParsedJson& message) {
  const auto found = message.find("id");
  if (found == message.end() || !(found->is_string() || found->is_number())) {
    return nullptr;
  }
  if (found->is_string() && found->get_ref<const std::string&>().size() > max_id_bytes) {
    return nullptr;
  }
  return *found;
}

Message read_message(ParsedJson message) {
  if (!message.is_object()) {
    return InvalidMessage{.id = nullptr, .problem = "a message is a JSON object"};
  }
  Json id = readable_id(message);
  const auto invalid = [&id](std::string problem) {
    return InvalidMessage{.id = std::move(id), .problem = std::move(problem)};
  };
  if (string_member(message, "jsonrpc") != "2.0") {
    return invalid("\"jsonrpc\" must be \"2.0\"");
  }
  const bool has_id = message.contains("id");
  const auto method = message.find("method");
  if (method == message.end()) {
    if (message.contains("result") || message.contains("error")) {
      return Response{};
    }
    return invalid("\"method\" is missing");
  }
  if (!method->is_string()) {
    return invalid("\"method\" must be a string");
  }
  if (has_id && id.is_null()) {
    return invalid("\"id\" must be a number or a string of at most 1024 bytes");
  }
  ParsedJson params = ParsedJson::object();
  if (const auto found = message.find("params"); found != message.end()) {
    if (!found->is_object()) {
      return invalid("\"params\" must be an object");
    }
    params = std::move(*found);
  }
  std::string name = std::move(method->get_ref<std::string&>());
  if (!has_id) {
    return Notification{.method = std::move(name), .params = std::move(params)};
  }
  return Request{.id = std::move(id), .method = std::move(name), .params = std::move(params)};
}

Answer result_answer(const Json& id, Json result) {
  return {.text = to_text({{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}})};
}

Answer error_answer(const Json& id, int code, std::string_view message, Json data) {
  Json error = {{"code", code}, {"message", message}};
  if (!data.is_null()) {
    error["data"] = std::move(data);
  }
  return {.text = to_text({{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(error)}}),
          .error_code = code};
}

std::string notification_text(std::string_view method, Json params) {
  return to_text({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

}  // namespace omnisandbox::mcp
