#include "egress/proxy/client_connection.h"

#include <boost/asio/write.hpp>
#include <limits>
#include <utility>

#include "base/error.h"
#include "egress/http_headers.h"
#include "egress/proxy/wire_text.h"

namespace omnisandbox::egress {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::string_view request_operation = "proxy.request";
constexpr std::string_view connect_operation = "proxy.connect";
constexpr std::string_view socks_operation = "proxy.socks";

// Read and thrown away after a refusal: a client that is still sending then reads the refusal, and
// not a reset.
constexpr std::size_t max_discarded_bytes = 4 * 1024 * 1024;
constexpr std::size_t read_bytes = 16 * 1024;
// Longer than both messages of the handshake.
constexpr std::size_t max_socks_bytes = 1024;

std::string_view text_of(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

ClientConnection::ClientConnection(ProxyContext context, Socket socket,
                                   std::function<void(ClientConnection&)> closed)
    : context_(context),
      client_(std::make_shared<ClientSide>(std::move(socket))),
      closed_(std::move(closed)) {}

void ClientConnection::start() {
  client_->allow(head_timeout);
  read_then(&ClientConnection::first_bytes, max_head_bytes);
}

void ClientConnection::cancel() {
  closed_ = nullptr;
  if (dial_) dial_->cancel();
  if (tunnel_) tunnel_->cancel();
  if (relay_) relay_->cancel();
  error_code ignored;
  client_->socket.close(ignored);
  if (server_) server_->close(ignored);
}

void ClientConnection::close() {
  const auto closed = std::exchange(closed_, nullptr);
  cancel();
  if (closed) closed(*this);
}

void ClientConnection::read_then(Step next, std::size_t limit) {
  if (client_->buffer.size() >= limit) {
    close();
    return;
  }
  client_->socket.async_read_some(
      client_->buffer.prepare(read_bytes),
      [self = shared_from_this(), next](error_code error, std::size_t size) {
        if (!self->closed_) return;
        if (error) {
          self->close();
          return;
        }
        self->client_->buffer.commit(size);
        ((*self).*next)();
      });
}

void ClientConnection::write_then(std::string bytes, Step next) {
  outgoing_ = std::move(bytes);
  boost::asio::async_write(client_->socket, boost::asio::buffer(outgoing_),
                           [self = shared_from_this(), next](error_code error, std::size_t) {
                             if (!self->closed_) return;
                             if (error) {
                               self->close();
                             } else {
                               ((*self).*next)();
                             }
                           });
}

void ClientConnection::first_bytes() {
  if (static_cast<std::uint8_t>(text_of(client_->buffer).front()) == socks_version) {
    is_socks_ = true;
    read_socks_greeting();
  } else {
    next_request();
  }
}

// --- HTTP ---

void ClientConnection::next_request() {
  parser_ = std::make_shared<RequestParser>();
  parser_->header_limit(max_head_bytes);
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  judged_.reset();
  answer_body_ = AnswerBody::full;
  read_head();
}

void ClientConnection::read_head() {
  if (is_idle_ && client_->buffer.size() > 0) {
    is_idle_ = false;
    client_->allow(head_timeout);
  }
  error_code error = http::error::need_more;
  if (client_->buffer.size() > 0)
    client_->buffer.consume(parser_->put(client_->buffer.data(), error));
  if (!error && parser_->is_header_done()) {
    take_head();
  } else if (!error || error == http::error::need_more) {
    read_then(&ClientConnection::read_head, std::size_t{2} * max_head_bytes);
  } else {
    const int status = error == http::error::header_limit ? 431 : 400;
    answer(Refusal{.status = status,
                   .reason = "this is no HTTP/1.1 that a proxy can judge: " + error.message()});
  }
}

void ClientConnection::take_head() {
  const auto& message = parser_->get();
  const RequestHead head{.method = view_of(message.method_string()),
                         .target = view_of(message.target()),
                         .version = message.version(),
                         .headers = headers_of(message)};
  const bool is_connect = head.method == "CONNECT";
  if (head.method == "HEAD") answer_body_ = AnswerBody::none;
  const std::string* expect = find_header(head.headers, "expect");
  habits_ = {.version = head.version,
             .keeps_alive = parser_->keep_alive(),
             .waits_to_send = expect != nullptr && same_name(*expect, "100-continue")};
  const std::string_view operation = is_connect ? connect_operation : request_operation;
  if (auto denial = context_.run.count_request(head.target)) {
    refuse(operation, Refusal{.denial = std::move(denial)});
    return;
  }
  auto judged = is_connect ? judge_connect(context_.run.compiled(), head)
                           : judge_request(context_.run.compiled(), head);
  if (!judged) {
    refuse(operation, std::move(judged).error());
    return;
  }
  judged_ = *std::move(judged);
  dial(operation);
}

void ClientConnection::answer(const Refusal& refusal) {
  client_->allow(linger_timeout);
  write_then(answer_text(refusal, answer_body_), &ClientConnection::linger);
}

void ClientConnection::linger() {
  error_code ignored;
  client_->socket.shutdown(Socket::shutdown_send, ignored);
  discard();
}

void ClientConnection::discard() {
  discarded_bytes_ += client_->buffer.size();
  client_->buffer.clear();
  if (discarded_bytes_ > max_discarded_bytes) {
    close();
    return;
  }
  read_then(&ClientConnection::discard, max_head_bytes);
}

// --- SOCKS ---

void ClientConnection::read_socks_greeting() {
  const SocksGreeting greeting = egress::read_socks_greeting(text_of(client_->buffer));
  switch (greeting.stage) {
    case SocksStage::incomplete:
      read_then(&ClientConnection::read_socks_greeting, max_socks_bytes);
      return;
    case SocksStage::malformed:
      close();
      return;
    case SocksStage::complete:
      client_->buffer.consume(greeting.consumed_bytes);
      write_then(socks_greeting_answer(greeting), greeting.offers_no_authentication
                                                      ? &ClientConnection::read_socks_request
                                                      : &ClientConnection::linger);
  }
}

void ClientConnection::read_socks_request() {
  const SocksRequest request = egress::read_socks_request(text_of(client_->buffer));
  switch (request.stage) {
    case SocksStage::incomplete:
      read_then(&ClientConnection::read_socks_request, max_socks_bytes);
      return;
    case SocksStage::malformed:
      close();
      return;
    case SocksStage::complete:
      client_->buffer.consume(request.consumed_bytes);
  }
  if (request.answer != SocksReply::succeeded) {
    answer_socks(request.answer);
    return;
  }
  const std::string authority = fmt::format("{}:{}", request.host, request.port);
  if (auto denial = context_.run.count_request(authority)) {
    refuse(socks_operation, Refusal{.denial = std::move(denial)});
    return;
  }
  auto judged = judge_tunnel(context_.run.compiled(), authority);
  if (!judged) {
    refuse(socks_operation, std::move(judged).error());
    return;
  }
  judged_ = *std::move(judged);
  dial(socks_operation);
}

void ClientConnection::answer_socks(SocksReply reply) {
  client_->allow(linger_timeout);
  write_then(socks_reply(reply), &ClientConnection::linger);
}

// --- both ---

void ClientConnection::refuse(std::string_view operation, Refusal refusal) {
  if (refusal.denial) context_.run.denied(operation, *refusal.denial);
  answer_refusal(refusal);
}

void ClientConnection::answer_refusal(const Refusal& refusal) {
  if (!is_socks_) {
    answer(refusal);
  } else if (refusal.denial) {
    answer_socks(SocksReply::not_allowed);
  } else {
    answer_socks(refusal.status == 400 ? SocksReply::failure : SocksReply::host_unreachable);
  }
}

void ClientConnection::dial(std::string_view operation) {
  if (auto denial = context_.run.granted(operation, judged_->asked_as, judged_->grant.rule)) {
    refuse(operation, Refusal{.denial = std::move(denial)});
    return;
  }
  client_->allow(dial_timeout + std::chrono::seconds(1));
  dial_ = Dial::start(context_, *judged_,
                      [self = shared_from_this()](tl::expected<Socket, Refusal> server) {
                        self->dial_.reset();
                        if (!self->closed_) return;
                        if (server) {
                          self->serve(*std::move(server));
                        } else {
                          self->answer_refusal(server.error());  // recorded where it was refused
                        }
                      });
}

void ClientConnection::serve(Socket server) {
  error_code ignored;
  server.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  if (!judged_->method.empty()) {
    serve_request(std::move(server));
    return;
  }
  server_ = std::move(server);
  client_->allow(head_timeout);
  write_then(is_socks_ ? socks_reply(SocksReply::succeeded)
                       : std::string("HTTP/1.1 200 Connection established\r\n\r\n"),
             &ClientConnection::serve_tunnel);
}

void ClientConnection::serve_tunnel() {
  tunnel_ = std::make_shared<Tunnel>(context_, client_, *std::move(judged_), *std::move(server_),
                                     [weak = weak_from_this()] {
                                       if (const auto self = weak.lock()) self->close();
                                     });
  server_.reset();
  tunnel_->start();
}

void ClientConnection::serve_request(Socket server) {
  relay_ = std::make_shared<HttpRelay>(
      context_, client_, parser_, *std::move(judged_), habits_, std::move(server),
      [weak = weak_from_this()](HttpRelay::End end, std::optional<Refusal> refusal) {
        const auto self = weak.lock();
        if (!self || !self->closed_) return;
        self->relay_.reset();
        switch (end) {
          case HttpRelay::End::may_go_on:
            self->is_idle_ = true;
            self->client_->allow(keep_alive_timeout);
            self->next_request();
            return;
          case HttpRelay::End::answered:
            self->client_->allow(linger_timeout);
            self->linger();
            return;
          case HttpRelay::End::refused:
            self->answer(*refusal);
            return;
          case HttpRelay::End::broken:
            reset_connection(self->client_->socket);
            self->close();
        }
      });
  relay_->start();
}

}  // namespace omnisandbox::egress
