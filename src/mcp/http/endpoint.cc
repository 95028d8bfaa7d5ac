#include "mcp/http/endpoint.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "mcp/http/limits.h"
#include "mcp/http/stateless.h"
#include "mcp/limits.h"
#include "mcp/revision.h"

namespace omnisandbox::mcp {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view event_stream = "text/event-stream";

bool takes_events(const RequestHead& head) {
  const std::string* accept = head.find("accept");
  return accept != nullptr && names_media_type(*accept, event_stream);
}

/// Without an Accept, or with a wildcard, everything is taken.
bool takes_json(const RequestHead& head) {
  const std::string* accept = head.find("accept");
  return accept == nullptr || names_media_type(*accept, "application/json") ||
         names_media_type(*accept, "application/*") || names_media_type(*accept, "*/*");
}

unsigned session_status(const std::optional<Answer>& answer) {
  constexpr unsigned accepted = 202;
  constexpr unsigned bad_request = 400;
  if (!answer) {
    return accepted;
  }
  // Whatever could be read as a request is answered as one: the error is the protocol's.
  const bool is_unreadable = answer->error_code == error_code::parse_error;
  return is_unreadable ? bad_request : 200;
}

}  // namespace

Endpoint::Endpoint(Server& server, AccessRules rules, Sessions::Bounds bounds,
                   std::shared_ptr<boost::asio::io_context> io)
    : server_(&server), rules_(std::move(rules)), io_(std::move(io)), sessions_(bounds, io_) {}

Endpoint::~Endpoint() = default;

std::optional<Refusal> Endpoint::judge(const RequestHead& head, std::size_t bytes_at_once) {
  if (auto refusal = judge_access(rules_, head)) {
    return refusal;
  }
  if (auto refusal = judge_body_terms(head, max_message_bytes)) {
    return refusal;
  }
  if (bytes_at_once + head.content_length.value_or(0) > max_body_bytes_at_once) {
    return Refusal{.status = 503,
                   .reason = "too many large messages come at once; wait for some of them",
                   .headers = {{"Retry-After", "1"}}};
  }
  if (head.method == "POST" && !takes_json(head) && !takes_events(head)) {
    return Refusal{.status = 406, .reason = "answers are application/json or text/event-stream"};
  }
  if (const std::string* version = head.find("mcp-protocol-version");
      version != nullptr && head.method != "POST") {
    const auto revision = revision_from_string(*version);
    if (revision && *revision >= first_without_handshake) {
      return Refusal{.status = 405,
                     .reason =
                         "this revision of the protocol has neither sessions nor streams of "
                         "their own; the method is POST",
                     .headers = {{"Allow", "POST"}}};
    }
  }
  return judge_session(head);
}

std::optional<Refusal> Endpoint::judge_session(const RequestHead& head) {
  const std::string* id = head.find("mcp-session-id");
  if (head.count("mcp-session-id") > 1) {
    return Refusal{.status = 400, .reason = "the header Mcp-Session-Id is there twice"};
  }
  if (id == nullptr) {
    return head.method == "POST" || is_preflight(head)
               ? std::nullopt
               : std::optional(Refusal{
                     .status = 400,
                     .reason = "the request names no session; initialize gives one, and its "
                               "Mcp-Session-Id stands in the head of all that follow"});
  }
  if (!sessions_.find(*id, Clock::now())) {
    return Refusal{.status = 404,
                   .reason = "there is no such session (any more); begin one by initialize"};
  }
  const std::string* version = head.find("mcp-protocol-version");
  if (version != nullptr && !revision_from_string(*version)) {
    return Refusal{.status = 400,
                   .reason = fmt::format("the server does not speak revision \"{}\"",
                                         base::printable(*version, 64))};
  }
  if (head.method == "GET" && !takes_events(head)) {
    return Refusal{.status = 406, .reason = "a GET takes text/event-stream"};
  }
  return std::nullopt;
}

Headers Endpoint::common_headers(const RequestHead& head) const {
  const std::string origin = readable_origin(rules_, head);
  if (origin.empty()) {
    return {};
  }
  return {{"Access-Control-Allow-Origin", origin},
          {"Access-Control-Expose-Headers", "Mcp-Session-Id"},
          {"Vary", "Origin"}};
}

void Endpoint::take(const std::shared_ptr<Connection>& connection, const RequestHead& head,
                    std::string body) {
  if (head.method == "POST") {
    post(connection, head, body);
  } else if (head.method == "GET") {
    listen(connection, head);
  } else if (head.method == "DELETE") {
    sessions_.end(*head.find("mcp-session-id"));
    connection->respond({.status = 204, .headers = common_headers(head)});
  } else {
    Headers headers = common_headers(head);
    headers.emplace_back("Access-Control-Allow-Methods", "POST, GET, DELETE");
    headers.emplace_back("Access-Control-Allow-Headers",
                         "Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, "
                         "MCP-Protocol-Version, Mcp-Session-Id");
    connection->respond({.status = 204, .headers = std::move(headers)});
  }
}

void Endpoint::listen(const std::shared_ptr<Connection>& connection, const RequestHead& head) {
  const auto session = sessions_.find(*head.find("mcp-session-id"), Clock::now());
  const auto refuse = [&](unsigned status, std::string reason) {
    connection->respond(refusal_answer({.status = status, .reason = std::move(reason)}));
  };
  if (session == nullptr) {
    return refuse(404, "the session has ended");
  }
  const std::string* last = head.find("last-event-id");
  if (last == nullptr) {
    connection->begin_events(common_headers(head));
    session->listen(connection);
    return;
  }
  const auto id = event_id_from_string(*last);
  if (!id || !session->can_resume(*id)) {
    return refuse(400, "the events after this Last-Event-ID are not kept (any more)");
  }
  connection->begin_events(common_headers(head));
  session->resume(*id, connection);
}

void Endpoint::post(const std::shared_ptr<Connection>& connection, const RequestHead& head,
                    const std::string& body) {
  PostAnswer::Terms terms{.connection = connection,
                          .takes_events = takes_events(head),
                          .headers = common_headers(head),
                          .status = &session_status};
  const auto respond_error = [&](unsigned status, const Answer& answer) {
    connection->respond({.status = status, .json = answer.text, .headers = common_headers(head)});
  };
  auto message = parse_json(body);
  if (!message) {
    return respond_error(400,
                         error_answer(nullptr, error_code::parse_error, message.error().message));
  }
  if (is_stateless(head, *message)) {
    return post_without_session(std::move(terms), head, *std::move(message), body.size());
  }
  const auto now = Clock::now();
  if (const std::string* id = head.find("mcp-session-id")) {
    terms.session = sessions_.find(*id, now);
    if (terms.session == nullptr) {  // it has ended while the body came
      return respond_error(
          404, error_answer(nullptr, error_code::invalid_request, "the session has ended"));
    }
    const auto session = terms.session;
    return hand_over(std::move(terms), session, *std::move(message), body.size());
  }
  if (!message->is_object() || string_member(*message, "method") != "initialize") {
    return respond_error(400,
                         error_answer(message->is_object() ? readable_id(*message) : Json(),
                                      error_code::invalid_request,
                                      "the request names no session; initialize gives one, and its "
                                      "Mcp-Session-Id stands in the head of all that follow"));
  }
  auto session = sessions_.create(now);
  if (!session) {
    return respond_error(503, error_answer(readable_id(*message), error_code::internal_error,
                                           session.error().message));
  }
  terms.session = *session;
  terms.is_first_of_session = true;
  terms.status = [this, session = *session](const std::optional<Answer>& answer) {
    if (answer && answer->error_code == 0) {
      sessions_.add(session, Clock::now());
    }
    return session_status(answer);
  };
  hand_over(std::move(terms), *session, *std::move(message), body.size());
}

void Endpoint::post_without_session(PostAnswer::Terms terms, const RequestHead& head,
                                    ParsedJson message, std::size_t bytes) {
  const auto connection = terms.connection.lock();
  if (const auto mismatch = head_mismatch(head, message)) {
    connection->respond({.status = stateless_status(mismatch),
                         .json = mismatch->text,
                         .headers = std::move(terms.headers)});
    return;
  }
  terms.status = &stateless_status;
  const auto client = std::make_shared<PassingClient>();
  // Of these requests, the end of the connection is what cancels them.
  connection->when_gone([client] { client->cancel_all(); });
  hand_over(std::move(terms), client, std::move(message), bytes);
}

void Endpoint::hand_over(PostAnswer::Terms terms, const std::shared_ptr<Client>& client,
                         ParsedJson message, std::size_t bytes) {
  const auto answer = std::make_shared<PostAnswer>(std::move(terms));
  server_->receive(client, std::move(message), bytes, std::make_shared<PostExchange>(io_, answer));
  if (!answer->has_ended()) {
    waiting_.push_back(answer);
  }
}

void Endpoint::tick(std::chrono::steady_clock::time_point now) {
  std::erase_if(waiting_, [now](const std::weak_ptr<PostAnswer>& weak) {
    const auto answer = weak.lock();
    if (answer && !answer->has_ended() && now - answer->since() >= event_stream_delay) {
      answer->open_events();
      return true;
    }
    return !answer || answer->has_ended();
  });
  sessions_.expire(now);
}

}  // namespace omnisandbox::mcp
