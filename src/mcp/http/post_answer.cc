#include "mcp/http/post_answer.h"

#include <boost/asio/dispatch.hpp>
#include <utility>

namespace omnisandbox::mcp {

void PostAnswer::open_events() {
  if (has_ended_ || has_events_ || !terms_.takes_events) {
    return;
  }
  has_events_ = true;
  const auto connection = terms_.connection.lock();
  if (connection) {
    connection->begin_events(terms_.headers);
  }
  if (!terms_.session) {
    return;
  }
  stream_ = terms_.session->open_stream(terms_.connection);
  // An event that only tells where the stream begins, for a client whose connection is cut before
  // the first real one. Older clients would take it for a message.
  if (connection && terms_.session->revision() >= Revision::of_2025_11_25) {
    connection->send_event(event_text(terms_.session->last_id(stream_), ""));
  }
}

void PostAnswer::send(const std::string& message) {
  if (terms_.session) {
    terms_.session->publish(stream_, message);
  } else if (const auto connection = terms_.connection.lock()) {
    connection->send_event(event_text(std::nullopt, message));
  }
}

void PostAnswer::notify(const std::string& message) {
  open_events();
  if (has_events_ && !has_ended_) {
    send(message);
  }
}

void PostAnswer::finish(const std::optional<Answer>& answer) {
  if (std::exchange(has_ended_, true)) {
    return;
  }
  const auto connection = terms_.connection.lock();
  if (has_events_) {
    if (answer) {
      send(answer->text);
    }
    if (terms_.session) {
      terms_.session->end_stream(stream_);
    } else if (connection) {
      connection->end_events();
    }
    return;
  }
  const unsigned status = terms_.status(answer);
  if (!connection) {
    return;
  }
  Headers headers = terms_.headers;
  if (terms_.is_first_of_session && answer && answer->error_code == 0) {
    headers.emplace_back("Mcp-Session-Id", terms_.session->id());
  }
  connection->respond({.status = status,
                       .json = answer ? answer->text : std::string(),
                       .headers = std::move(headers)});
}

// `dispatch`: at once where the server answers on the transport's own thread, and in order.
void PostExchange::notify(const std::string& message) {
  boost::asio::dispatch(*io_, [answer = answer_, message] { answer->notify(message); });
}

void PostExchange::finish(std::optional<Answer> answer) {
  boost::asio::dispatch(*io_, [to = answer_, answer = std::move(answer)] { to->finish(answer); });
}

}  // namespace omnisandbox::mcp
