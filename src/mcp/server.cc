#include "mcp/server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "base/error.h"
#include "mcp/batch.h"
#include "mcp/limits.h"
#include "mcp/request_meta.h"
#include "mcp/resources.h"
#include "mcp/result_shape.h"
#include "mcp/tool_result.h"
#include "mcp/tools.h"
#include "runner/policy_json.h"

namespace omnisandbox::mcp {
namespace {

std::chrono::steady_clock::time_point deadline_from_now(const Workspace& workspace) {
  const std::chrono::milliseconds timeout = workspace.policy.config().timeout.value();
  return std::chrono::steady_clock::now() + std::min(timeout, workspace.timeout.value_or(timeout));
}

ToolResult call_guarded(const Tool& tool, const ParsedJson& arguments, const CallContext& context) {
  try {
    return tool.call(arguments, context);
  } catch (const std::exception& error) {
    // Out of memory, or a defect; a library's exceptions end where the library is called.
    ToolResult result{.is_error = true};
    result.content.push_back(
        text_block(fmt::format("[internal] {}", base::printable(error.what()))));
    return result;
  }
}

}  // namespace

Server::Server(std::shared_ptr<const Workspace> workspace)
    : workspace_(std::move(workspace)),
      tools_(std::make_shared<const Tools>(standard_tools(workspace_))),
      threads_(max_concurrent_calls, max_waiting_calls) {}

std::shared_ptr<const Server::Tools> Server::tools() const {
  const std::lock_guard lock(mutex_);
  return tools_;
}

void Server::receive(const std::shared_ptr<Client>& client, std::string_view text,
                     std::shared_ptr<Exchange> exchange) {
  auto message = parse_json(text);
  if (!message) {
    exchange->finish(error_answer(nullptr, error_code::parse_error, message.error().message));
    return;
  }
  receive(client, *std::move(message), text.size(), std::move(exchange));
}

void Server::receive(const std::shared_ptr<Client>& client, ParsedJson message,
                     std::size_t text_bytes, std::shared_ptr<Exchange> exchange) {
  if (message.is_array()) {
    receive_batch(client, std::move(message), text_bytes, std::move(exchange));
  } else {
    receive_one(client, std::move(message), text_bytes, std::move(exchange));
  }
}

void Server::receive_batch(const std::shared_ptr<Client>& client, ParsedJson batch,
                           std::size_t text_bytes, std::shared_ptr<Exchange> exchange) {
  const auto refuse = [&](std::string_view why) {
    exchange->finish(error_answer(nullptr, error_code::invalid_request, why));
  };
  // 2025-03-26 has them; later revisions do not.
  if (client->revision() > Revision::of_2025_03_26) {
    return refuse("this revision of the protocol has no batches; send one message at a time");
  }
  if (batch.empty() || batch.size() > max_batch_messages) {
    return refuse(fmt::format("a batch holds 1 to {} messages", max_batch_messages));
  }
  const auto shared = std::make_shared<Batch>(batch.size(), std::move(exchange));
  const std::size_t share = text_bytes / batch.size();
  for (ParsedJson& message : batch) {
    receive_one(client, std::move(message), share, shared->part());
  }
}

void Server::receive_one(const std::shared_ptr<Client>& client, ParsedJson message,
                         std::size_t text_bytes, std::shared_ptr<Exchange> exchange) {
  Message read = read_message(std::move(message));
  if (auto* request = std::get_if<Request>(&read)) {
    take_request(client, std::move(*request), text_bytes, std::move(exchange));
    return;
  }
  if (const auto* invalid = std::get_if<InvalidMessage>(&read)) {
    exchange->finish(error_answer(invalid->id, error_code::invalid_request, invalid->problem));
    return;
  }
  if (const auto* notification = std::get_if<Notification>(&read)) {
    take_notification(client, *notification);
  }
  exchange->finish(std::nullopt);
}

void Server::take_notification(const std::shared_ptr<Client>& client,
                               const Notification& notification) {
  if (notification.method == "notifications/initialized" && client->revision()) {
    become_known(client);
    return;
  }
  if (notification.method != "notifications/cancelled") {
    return;  // one that we do not know: there is nothing to do
  }
  const auto id = notification.params.find("requestId");
  if (id == notification.params.end() || !(id->is_string() || id->is_number())) {
    return;
  }
  if (const auto call = client->find(*id)) {
    client->remove(*call);
    call->cancel();
  }
}

void Server::take_request(const std::shared_ptr<Client>& client, Request request,
                          std::size_t text_bytes, std::shared_ptr<Exchange> exchange) {
  // A handshake is one even where the client says more than it has to.
  const bool is_handshake = request.method == "initialize";
  Revision revision = client->revision().value_or(newest_with_handshake);
  if (!is_handshake &&
      (names_its_revision(request.params) || request.method == "server/discover")) {
    const auto named = revision_of(request.id, request.params);
    if (const auto* error = std::get_if<Answer>(&named)) {
      exchange->finish(*error);
      return;
    }
    revision = std::get<Revision>(named);
  } else if (request.method == "ping") {  // allowed at any time, also before the handshake
    exchange->finish(result_answer(request.id, Json::object()));
    return;
  } else if (!is_handshake && !client->revision()) {
    exchange->finish(error_answer(
        request.id, error_code::invalid_request,
        "the first request is initialize, or each names its revision in params._meta"));
    return;
  }
  const Asked asked{.client = client,
                    .request = request,
                    .revision = revision,
                    .exchange = exchange,
                    .text_bytes = text_bytes};
  if (!wait_for_tools(asked)) {
    answer(asked);
  }
}

void Server::answer(const Asked& asked) {
  /// A method, and what it needs to be asked.
  struct Method {
    std::string_view name;
    Answer (Server::*answer)(const Asked&);
    Revision first = Revision::of_2024_11_05;
    Revision last = Revision::of_2026_07_28;
  };
  static constexpr std::array methods = {
      Method{"initialize", &Server::initialize, Revision::of_2024_11_05, newest_with_handshake},
      Method{"server/discover", &Server::discover, first_without_handshake},
      Method{"logging/setLevel", &Server::set_log_level, Revision::of_2024_11_05,
             newest_with_handshake},
      Method{"tools/list", &Server::list_tools},
      Method{"resources/list", &Server::list_resources},
      Method{"resources/templates/list", &Server::list_resource_templates},
      Method{"resources/read", &Server::read_resource},
  };
  const Request& request = asked.request;
  if (request.method == "tools/call") {
    call_tool(asked);
    return;
  }
  if (request.method == "subscriptions/listen" && list_can_change_ &&
      asked.revision >= first_without_handshake) {
    listen(asked);
    return;
  }
  const auto* const method =
      std::find_if(methods.begin(), methods.end(), [&](const Method& candidate) {
        return candidate.name == request.method && candidate.first <= asked.revision &&
               asked.revision <= candidate.last;
      });
  asked.exchange->finish(
      method == methods.end()
          ? error_answer(request.id, error_code::method_not_found,
                         fmt::format("there is no method \"{}\"",
                                     base::printable(request.method, max_id_bytes)))
          : (this->*method->answer)(asked));
}

Json Server::capabilities() const {
  Json tools = Json::object();
  if (list_can_change_) {
    tools["listChanged"] = true;
  }
  return {{"tools", std::move(tools)}, {"resources", Json::object()}, {"logging", Json::object()}};
}

std::string Server::instructions() const {
  std::vector<std::string_view> granted;
  for (const Capability capability : all_capabilities) {
    if (workspace_->policy.has(capability)) {
      granted.push_back(to_string(capability));
    }
  }
  return fmt::format(
      "Every tool runs in a sandbox under one policy, which grants {}. What it does not name is "
      "refused; a refusal says which rule refused it and which line of the policy would allow it. "
      "Only a person can change the policy. explain_policy answers what is allowed without trying "
      "it; the resource omnisandbox://policy shows all of it.",
      granted.empty() ? "no access to files, network or commands"
                      : fmt::format("{}", fmt::join(granted, ", ")));
}

Answer Server::initialize(const Asked& asked) {
  const auto wanted = asked.request.params.find("protocolVersion");
  if (wanted == asked.request.params.end() || !wanted->is_string()) {
    return error_answer(asked.request.id, error_code::invalid_params,
                        "params.protocolVersion must be a string");
  }
  const Revision revision = negotiate(wanted->get_ref<const std::string&>());
  if (!asked.client->agree(revision)) {
    return error_answer(asked.request.id, error_code::invalid_request,
                        "this session has been initialized already");
  }
  return result_answer(asked.request.id, {{"protocolVersion", to_string(revision)},
                                          {"capabilities", capabilities()},
                                          {"serverInfo", server_info()},
                                          {"instructions", instructions()}});
}

Answer Server::discover(const Asked& asked) {
  Json supported = Json::array();
  for (const Revision revision : all_revisions) {
    supported.push_back(to_string(revision));
  }
  return result_answer(asked.request.id,
                       shaped_cacheable({{"supportedVersions", std::move(supported)},
                                         {"capabilities", capabilities()},
                                         {"instructions", instructions()}},
                                        asked.revision, Freshness::while_unchanged));
}

Answer Server::set_log_level(const Asked& asked) {
  const auto level = log_level_from_string(string_member(asked.request.params, "level"));
  if (!level) {
    return error_answer(asked.request.id, error_code::invalid_params,
                        "params.level must be one of debug, info, notice, warning, error, "
                        "critical, alert, emergency");
  }
  asked.client->set_log_level(*level);
  return result_answer(asked.request.id, Json::object());
}

Answer Server::list_tools(const Asked& asked) {
  Json listed = Json::array();
  for (const Tool& tool : *tools()) {
    listed.push_back(tool_json(tool, asked.revision));
  }
  return result_answer(
      asked.request.id,
      shaped_cacheable({{"tools", std::move(listed)}}, asked.revision,
                       list_can_change_ ? Freshness::moment : Freshness::while_unchanged));
}

Answer Server::list_resources(const Asked& asked) {
  return result_answer(asked.request.id,
                       shaped_cacheable({{"resources", resource_list()}}, asked.revision,
                                        Freshness::while_unchanged));
}

Answer Server::list_resource_templates(const Asked& asked) {
  return result_answer(asked.request.id,
                       shaped_cacheable({{"resourceTemplates", Json::array()}}, asked.revision,
                                        Freshness::while_unchanged));
}

Answer Server::read_resource(const Asked& asked) {
  const std::string uri = string_member(asked.request.params, "uri");
  auto contents = mcp::read_resource(*workspace_, uri);
  if (!contents) {
    return error_answer(asked.request.id,
                        asked.revision >= first_without_handshake ? error_code::invalid_params
                                                                  : error_code::resource_not_found,
                        fmt::format("there is no resource \"{}\"", base::printable(uri)));
  }
  return result_answer(asked.request.id, shaped_cacheable({{"contents", *std::move(contents)}},
                                                          asked.revision, Freshness::moment));
}

void Server::call_tool(const Asked& asked) {
  Request& request = asked.request;
  const auto refuse = [&](int code, std::string_view why) {
    asked.exchange->finish(error_answer(request.id, code, why));
  };
  const std::string name = string_member(request.params, "name");
  const auto listed = tools();
  const auto tool = std::find_if(listed->begin(), listed->end(),
                                 [&](const Tool& candidate) { return candidate.name == name; });
  if (tool == listed->end()) {
    std::string why = why_not_offered(*workspace_, name);
    return refuse(error_code::invalid_params,
                  fmt::format("there is no tool \"{}\"{}{}", base::printable(name, max_id_bytes),
                              why.empty() ? "" : ": ", why));
  }
  ParsedJson arguments = ParsedJson::object();
  if (const auto found = request.params.find("arguments"); found != request.params.end()) {
    if (!found->is_object()) {
      return refuse(error_code::invalid_params, "params.arguments must be an object");
    }
    arguments = std::move(*found);
  }
  const bool has_handshake = asked.revision < first_without_handshake;
  auto call = std::make_shared<Call>(
      Call::Terms{.id = request.id,
                  .revision = asked.revision,
                  .progress_token = progress_token_of(request.params),
                  .log_level = has_handshake ? std::optional(asked.client->log_level())
                                             : log_level_of(request.params)},
      asked.exchange);
  if (!asked.client->add(call)) {
    return refuse(error_code::invalid_request, "a request with this id is under way");
  }
  if (pending_bytes_.fetch_add(asked.text_bytes) + asked.text_bytes > max_pending_bytes ||
      !threads_.submit([this, listed, tool, call, client = asked.client,
                        arguments = std::move(arguments), bytes = asked.text_bytes] {
        run_call(*tool, arguments, *client, *call);
        pending_bytes_ -= bytes;
      })) {
    pending_bytes_ -= asked.text_bytes;
    asked.client->remove(*call);
    call->finish(error_answer(request.id, error_code::internal_error,
                              "too many calls are under way; wait for some of them"));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(running_, [](const auto& known) { return known.expired(); });
    running_.push_back(call);
  }
  monitor_.add(std::move(call));
}

void Server::run_call(const Tool& tool, const ParsedJson& arguments, Client& client,
                      Call& call) const {
  if (call.has_ended()) {
    return;  // cancelled while it waited
  }
  const auto start = std::chrono::steady_clock::now();
  const CallContext context{
      .deadline = deadline_from_now(*workspace_),
      .stop = call.stop_token(),
      .report_stage = [&call](std::string_view stage) { call.report_stage(stage); }};
  call.start(context.deadline);
  const ToolResult result = call_guarded(tool, arguments, context);
  for (const Json& denial : result.denials) {
    call.log(LogLevel::warning, {{"event", "denial"}, {"tool", tool.name}, {"denial", denial}});
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  call.log(LogLevel::info, {{"event", "call"},
                            {"tool", tool.name},
                            {"is_error", result.is_error},
                            {"duration_ms", took.count()}});
  // First: whoever has the answer may use the id again.
  client.remove(call);
  call.finish(result_answer(call.terms().id, tool_result_json(result, call.terms().revision)));
}

bool Server::wait_until_idle(std::chrono::steady_clock::time_point until) {
  return threads_.wait_until_idle(until);
}

void Server::stop() {
  end_subscriptions();
  std::vector<std::weak_ptr<Call>> running;
  {
    const std::lock_guard lock(mutex_);
    running = running_;
  }
  for (const auto& known : running) {
    if (const auto call = known.lock()) {
      call->request_stop();
    }
  }
}

}  // namespace omnisandbox::mcp
