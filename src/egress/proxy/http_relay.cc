#include "egress/proxy/http_relay.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/error.h"
#include "egress/http_client.h"
#include "egress/proxy/wire_text.h"

namespace omnisandbox::egress {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::string_view limit_operation = "proxy.limit";

bool is_bodiless(unsigned status) { return status / 100 == 1 || status == 204 || status == 304; }

}  // namespace

HttpRelay::HttpRelay(ProxyContext context, std::shared_ptr<ClientSide> client,
                     std::shared_ptr<RequestParser> parser, JudgedRequest request,
                     ClientHabits habits, Socket server, Done done)
    : context_(context),
      client_(std::move(client)),
      parser_(std::move(parser)),
      request_(std::move(request)),
      habits_(habits),
      server_(std::move(server)),
      done_(std::move(done)) {}

void HttpRelay::start() {
  client_->allow(idle_timeout);
  send_head();
}

void HttpRelay::cancel() {
  done_ = nullptr;
  if (request_pump_) std::exchange(request_pump_, nullptr)->cancel();
  if (response_pump_) std::exchange(response_pump_, nullptr)->cancel();
  error_code ignored;
  server_.close(ignored);
}

void HttpRelay::finish(End end, std::optional<Refusal> refusal) {
  const Done done = std::exchange(done_, nullptr);
  cancel();
  done(end, std::move(refusal));
}

void HttpRelay::refuse(std::string reason) {
  finish(End::refused, Refusal{.status = 502, .reason = std::move(reason)});
}

void HttpRelay::send_head() {
  const auto length = parser_->content_length();
  request_text_ = request_head_text(
      request_, length ? std::optional<std::uint64_t>(*length) : std::nullopt, parser_->chunked());
  boost::asio::async_write(server_, boost::asio::buffer(request_text_),
                           [self = shared_from_this()](error_code error, std::size_t) {
                             if (!self->done_) return;
                             if (error) {
                               self->refuse("the server closed the connection: " + error.message());
                               return;
                             }
                             self->send_body();
                             if (self->done_) self->read_head();
                           });
}

void HttpRelay::send_body() {
  if (parser_->is_done()) {
    is_request_sent_ = true;
    return;
  }
  const auto pump = [self = shared_from_this()] {
    self->request_pump_ = std::make_shared<BodyPump<true>>(
        self, self->client_->socket, self->server_, self->client_->buffer, *self->parser_,
        self->parser_->chunked() ? BodyFraming::chunked : BodyFraming::as_it_is,
        [relay = self.get()](std::size_t size) {
          relay->client_->allow(idle_timeout);
          return relay->context_.run.count_bytes(size);
        });
    self->request_pump_->start({}, [self](BodyEnd end) {
      if (!self->done_) return;
      if (end == BodyEnd::whole) {
        self->is_request_sent_ = true;
      } else if (end != BodyEnd::sink_failed) {
        self->finish(End::broken);
      }
      // A server that stops reading may still answer.
    });
  };
  if (!habits_.waits_to_send || client_->buffer.size() > 0) {
    pump();
    return;
  }
  constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  boost::asio::async_write(client_->socket, boost::asio::buffer(go_on),
                           [self = shared_from_this(), pump](error_code error, std::size_t) {
                             if (!self->done_) return;
                             if (error) {
                               self->finish(End::broken);
                             } else {
                               pump();
                             }
                           });
}

void HttpRelay::read_head() {
  if (!response_) {
    response_.emplace();
    response_->header_limit(static_cast<std::uint32_t>(max_response_header_bytes));
    response_->body_limit(std::numeric_limits<std::uint64_t>::max());
    response_->skip(request_.method == "HEAD");
  }
  error_code error = http::error::need_more;
  if (server_buffer_.size() > 0)
    server_buffer_.consume(response_->put(server_buffer_.data(), error));
  if (!error && response_->is_header_done()) {
    take_head();
    return;
  }
  if (error && error != http::error::need_more) {
    refuse("the server's answer is no HTTP/1.1 that can be passed on: " + error.message());
    return;
  }
  server_.async_read_some(server_buffer_.prepare(relay_buffer_bytes), [self = shared_from_this()](
                                                                          error_code failed,
                                                                          std::size_t size) {
    if (!self->done_) return;
    if (failed) {
      self->refuse("the server closed the connection without a whole answer: " + failed.message());
      return;
    }
    self->client_->allow(idle_timeout);
    self->server_buffer_.commit(size);
    self->read_head();
  });
}

void HttpRelay::take_head() {
  const unsigned status = response_->get().result_int();
  if (status == 101) {
    refuse("the server changes the protocol, which nobody asked for");
    return;
  }
  if (status / 100 == 1) {
    if (++informational_responses_ > max_informational_responses) {
      refuse("the server sends informational responses without end");
      return;
    }
    response_.reset();
    read_head();
    return;
  }
  BodyFraming framing = BodyFraming::as_it_is;
  std::string head = head_for_client(framing);
  if (!head.empty()) write_answer(std::move(head), framing);
}

// Empty where the response is refused.
std::string HttpRelay::head_for_client(BodyFraming& framing) {
  const auto& message = response_->get();
  const std::vector<HttpHeader> headers = headers_of(message);
  const unsigned status = message.result_int();
  if (headers.size() > max_response_headers || !has_plain_framing(headers, message.version())) {
    refuse("the server's answer leaves open where its body ends, or has too many headers");
    return {};
  }
  const auto length = response_->content_length();
  const auto limit = context_.run.max_response_bytes();
  const bool has_body = request_.method != "HEAD" && !is_bodiless(status);
  if (has_body && limit && length && *length > *limit) {
    Denial denial = too_long();
    context_.run.denied(limit_operation, denial);
    finish(End::refused, Refusal{.status = 502, .denial = std::move(denial)});
    return {};
  }
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", status,
                  printable_phrase({message.reason().data(), message.reason().size()}));
  append_headers(head, end_to_end_headers(headers));
  may_go_on_ = habits_.keeps_alive && habits_.version >= 11 && is_request_sent_;
  if (length && status != 204) {
    head += fmt::format("Content-Length: {}\r\n", *length);
  } else if (has_body && habits_.version >= 11) {
    head += "Transfer-Encoding: chunked\r\n";
    framing = BodyFraming::chunked;
  } else if (has_body) {
    may_go_on_ = false;  // the end of the connection is the end of the body
  }
  if (!may_go_on_) head += "Connection: close\r\n";
  return head + "\r\n";
}

void HttpRelay::write_answer(std::string head, BodyFraming framing) {
  response_pump_ = std::make_shared<BodyPump<false>>(
      shared_from_this(), server_, client_->socket, server_buffer_, *response_, framing,
      [this](std::size_t size) { return count_response(size); });
  response_pump_->start(std::move(head),
                        [self = shared_from_this()](BodyEnd end) { self->end_response(end); });
}

bool HttpRelay::count_response(std::size_t size) {
  client_->allow(idle_timeout);
  received_bytes_ += size;
  const auto limit = context_.run.max_response_bytes();
  if (limit && received_bytes_ > *limit) {
    context_.run.denied(limit_operation, too_long());
    return false;
  }
  return context_.run.count_bytes(size);
}

void HttpRelay::end_response(BodyEnd end) {
  if (!done_) return;
  if (end != BodyEnd::whole) {
    finish(End::broken);
  } else {
    finish(may_go_on_ ? End::may_go_on : End::answered);
  }
}

Denial HttpRelay::too_long() const {
  return Denial{.capability = Capability::net_http,
                .resource = request_.asked_as,
                .rule = "max_response_bytes",
                .reason = fmt::format("the response is longer than {} bytes",
                                      context_.run.max_response_bytes().value_or(0)),
                .remedy = "max_response_bytes: a larger number"};
}

}  // namespace omnisandbox::egress
