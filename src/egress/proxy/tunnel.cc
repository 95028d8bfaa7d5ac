#include "egress/proxy/tunnel.h"

#include <boost/asio/write.hpp>
#include <utility>

#include "base/error.h"
#include "egress/proxy/client_hello.h"

namespace omnisandbox::egress {
namespace {

using boost::system::error_code;

constexpr std::string_view hello_operation = "proxy.server_name";
constexpr std::string_view limit_operation = "proxy.limit";
// Fatal alert "access denied" (RFC 8446 section 6), so that the client says what happened.
constexpr std::array<char, 7> access_denied_alert = {21, 3, 3, 0, 2, 2, 49};

std::string_view text_of(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

}  // namespace

Tunnel::Tunnel(ProxyContext context, std::shared_ptr<ClientSide> client, JudgedRequest request,
               Socket server, std::function<void()> done)
    : context_(context),
      client_(std::move(client)),
      request_(std::move(request)),
      server_(std::move(server)),
      done_(std::move(done)),
      ways_{Direction{client_->socket, server_}, Direction{server_, client_->socket}} {}

void Tunnel::start() {
  client_->allow(head_timeout);
  read_hello();
}

void Tunnel::cancel() {
  done_ = nullptr;
  error_code ignored;
  client_->socket.close(ignored);
  server_.close(ignored);
}

void Tunnel::end() {
  const auto done = std::exchange(done_, nullptr);
  error_code ignored;
  client_->socket.close(ignored);
  server_.close(ignored);
  if (done) done();
}

void Tunnel::read_hello() {
  const ClientHello hello = read_client_hello(text_of(client_->buffer));
  switch (hello.stage) {
    case ClientHello::Stage::refused:
      refuse(std::string(hello.refusal));
      return;
    case ClientHello::Stage::complete:
      if (const auto denial = judge_server_name(request_, hello.server_name)) {
        refuse(*denial);
        return;
      }
      client_->allow(idle_timeout);
      ways_[up].buffer.assign(text_of(client_->buffer).begin(), text_of(client_->buffer).end());
      client_->buffer = {};
      write(up, ways_[up].buffer.size());
      relay(down);
      return;
    case ClientHello::Stage::incomplete:
      break;
  }
  client_->socket.async_read_some(client_->buffer.prepare(max_client_hello_bytes),
                                  [self = shared_from_this()](error_code error, std::size_t size) {
                                    if (!self->done_) return;
                                    if (error) {
                                      self->end();
                                      return;
                                    }
                                    self->client_->buffer.commit(size);
                                    self->read_hello();
                                  });
}

void Tunnel::refuse(std::string reason) { refuse(tunnel_denial(request_, std::move(reason))); }

void Tunnel::refuse(const Denial& denial) {
  context_.run.denied(hello_operation, denial);
  boost::asio::async_write(client_->socket, boost::asio::buffer(access_denied_alert),
                           [self = shared_from_this()](error_code, std::size_t) {
                             if (self->done_) self->end();
                           });
}

void Tunnel::relay(Way way) {
  Direction& direction = ways_[way];
  direction.buffer.resize(relay_buffer_bytes);
  direction.from.async_read_some(
      boost::asio::buffer(direction.buffer),
      [self = shared_from_this(), way](error_code error, std::size_t size) {
        if (!self->done_) return;
        if (error == boost::asio::error::eof) {
          self->half_close(way);
        } else if (error || !self->count(way, size)) {
          self->end();
        } else {
          self->client_->allow(idle_timeout);
          self->write(way, size);
        }
      });
}

void Tunnel::write(Way way, std::size_t size) {
  Direction& direction = ways_[way];
  boost::asio::async_write(direction.to, boost::asio::buffer(direction.buffer.data(), size),
                           [self = shared_from_this(), way](error_code error, std::size_t) {
                             if (!self->done_) return;
                             if (error) {
                               self->end();
                               return;
                             }
                             self->client_->allow(idle_timeout);
                             self->relay(way);
                           });
}

void Tunnel::half_close(Way way) {
  error_code error;
  ways_[way].to.shutdown(Socket::shutdown_send, error);
  ways_[way].is_over = true;
  if (error || (ways_[up].is_over && ways_[down].is_over)) end();
}

bool Tunnel::count(Way way, std::size_t size) {
  if (way == down) {
    received_bytes_ += size;
    const auto limit = context_.run.max_response_bytes();
    if (limit && received_bytes_ > *limit) {
      Denial denial = tunnel_denial(request_, fmt::format("it brought more than {} bytes", *limit));
      denial.rule = "max_response_bytes";
      denial.remedy = "max_response_bytes: a larger number";
      context_.run.denied(limit_operation, denial);
      return false;
    }
  }
  return context_.run.count_bytes(size);
}

}  // namespace omnisandbox::egress
