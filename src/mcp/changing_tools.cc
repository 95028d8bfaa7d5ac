// What the server does where its list of tools can change.
#include <algorithm>
#include <iterator>
#include <utility>

#include "mcp/limits.h"
#include "mcp/result_shape.h"
#include "mcp/server.h"
#include "mcp/tools.h"

namespace omnisandbox::mcp {
namespace {

constexpr std::string_view list_changed = "notifications/tools/list_changed";
constexpr const char* subscription_key = "io.modelcontextprotocol/subscriptionId";
constexpr const char* wanted_change = "toolsListChanged";

/// What clients see of a list.
Json shown(const std::vector<Tool>& tools) {
  Json all = Json::array();
  for (const Tool& tool : tools) {
    all.push_back(tool_json(tool, all_revisions.back()));
  }
  return all;
}

void tell_problem(Client& client, const std::string& problem) {
  if (client.log_level() > LogLevel::warning) {
    return;
  }
  client.push(notification_text("notifications/message",
                                {{"level", to_string(LogLevel::warning)},
                                 {"logger", "omnisandbox"},
                                 {"data", {{"event", "tool_problem"}, {"problem", problem}}}}));
}

void end_subscription(Call& call) {
  Json result = shaped_result(Json::object(), call.terms().revision);
  result["_meta"][subscription_key] = call.terms().id;
  call.finish(result_answer(call.terms().id, std::move(result)));
}

bool has(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

void Server::expect_more_tools() {
  list_can_change_ = true;
  const std::lock_guard lock(mutex_);
  has_all_tools_ = false;
}

bool Server::has_all_tools() const {
  const std::lock_guard lock(mutex_);
  return has_all_tools_;
}

void Server::offer(MoreTools more) {
  auto replaced = standard_tools(workspace_);
  std::move(more.tools.begin(), more.tools.end(), std::back_inserter(replaced));
  auto offered = std::make_shared<const Tools>(std::move(replaced));
  // Nobody else replaces them.
  const bool has_changed = shown(*tools()) != shown(*offered);
  std::vector<std::shared_ptr<Client>> clients;
  std::vector<std::shared_ptr<Call>> listening;
  std::vector<std::string> new_problems;
  {
    const std::lock_guard lock(mutex_);
    // Also where nothing is to be seen: what is called is the new one.
    tools_ = std::move(offered);
    for (const std::string& problem : more.problems) {
      if (!has(problems_, problem)) {
        new_problems.push_back(problem);
      }
    }
    problems_ = std::move(more.problems);
    std::erase_if(initialized_, [](const auto& known) { return known.expired(); });
    for (const auto& known : initialized_) {
      if (auto client = known.lock()) {
        clients.push_back(std::move(client));
      }
    }
    std::erase_if(listening_, [](const auto& call) { return call->has_ended(); });
    listening = listening_;
  }
  for (const auto& client : clients) {
    for (const std::string& problem : new_problems) {
      tell_problem(*client, problem);
    }
    if (has_changed) {
      client->push(notification_text(list_changed, Json::object()));
    }
  }
  for (const auto& call : listening) {
    if (has_changed) {
      call->notify(list_changed, Json::object());
    }
  }
  // Last: who has waited for the list has heard what is wrong with it before.
  {
    const std::lock_guard lock(mutex_);
    has_all_tools_ = has_all_tools_ || more.progress == MoreTools::Progress::complete;
  }
  all_tools_came_.notify_all();
}

void Server::become_known(const std::shared_ptr<Client>& client) {
  std::vector<std::string> problems;
  {
    const std::lock_guard lock(mutex_);
    const bool is_known = std::any_of(initialized_.begin(), initialized_.end(),
                                      [&](const auto& known) { return known.lock() == client; });
    if (is_known || !list_can_change_) {
      return;
    }
    initialized_.push_back(client);
    problems = problems_;
  }
  for (const std::string& problem : problems) {
    tell_problem(*client, problem);
  }
}

bool Server::wait_for_tools(const Asked& asked) {
  const std::string& method = asked.request.method;
  const bool is_call = method == "tools/call";
  if (!list_can_change_ || (!is_call && method != "tools/list") || has_all_tools()) {
    return false;
  }
  if (is_call) {
    const auto listed = tools();
    const std::string name = string_member(asked.request.params, "name");
    if (std::any_of(listed->begin(), listed->end(),
                    [&](const Tool& tool) { return tool.name == name; })) {
      return false;
    }
  }
  const auto until = std::chrono::steady_clock::now() + first_list_patience;
  const auto request = std::make_shared<Request>(asked.request);
  return threads_.submit([this, until, request, client = asked.client, revision = asked.revision,
                          exchange = asked.exchange, text_bytes = asked.text_bytes]() mutable {
    {
      std::unique_lock lock(mutex_);
      all_tools_came_.wait_until(lock, until, [this] { return has_all_tools_ || is_stopping_; });
    }
    answer(Asked{.client = client,
                 .request = *request,
                 .revision = revision,
                 .exchange = exchange,
                 .text_bytes = text_bytes});
  });
}

void Server::listen(const Asked& asked) {
  const Request& request = asked.request;
  Json granted = Json::object();
  const auto wanted = request.params.find("notifications");
  if (wanted == request.params.end() || !wanted->is_object()) {
    asked.exchange->finish(error_answer(request.id, error_code::invalid_params,
                                        "params.notifications must be an object"));
    return;
  }
  if (const auto changes = wanted->find(wanted_change);
      changes != wanted->end() && *changes == true) {
    granted[wanted_change] = true;
  }
  const Json meta = {{subscription_key, request.id}};
  const auto call = std::make_shared<Call>(
      Call::Terms{.id = request.id, .revision = asked.revision, .notification_meta = meta},
      asked.exchange);
  const auto refuse = [&](std::string_view why) {
    call->finish(error_answer(request.id, error_code::invalid_request, why));
  };
  if (!asked.client->add(call)) {
    return refuse("a request with this id is under way");
  }
  const auto before = tools();
  // The first message on its stream: nothing else is sent before.
  call->notify("notifications/subscriptions/acknowledged", {{"notifications", granted}});
  if (granted.empty()) {  // there is nothing else that could be told
    asked.client->remove(*call);
    end_subscription(*call);
    return;
  }
  if (!add_listening(call)) {
    asked.client->remove(*call);
    return refuse("too many subscriptions are open; close some of them");
  }
  if (tools() != before) {
    call->notify(list_changed, Json::object());
  }
}

bool Server::add_listening(const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listening_, [](const auto& known) { return known->has_ended(); });
  if (listening_.size() >= max_subscriptions || is_stopping_) {
    return false;
  }
  listening_.push_back(call);
  return true;
}

void Server::end_subscriptions() {
  std::vector<std::shared_ptr<Call>> listening;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    listening.swap(listening_);
  }
  all_tools_came_.notify_all();
  for (const auto& call : listening) {
    end_subscription(*call);
  }
}

}  // namespace omnisandbox::mcp
