#include "egress/proxy/tunnel.h"

#include <algorithm>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

using boost::system::error_code;

constexpr std::string_view hello_operation = "proxy.server_name";
constexpr std::string_view limit_operation = "proxy.limit";
// What is held is the beginning of one record or hello at most; this much more completes it.
constexpr std::size_t hello_room_bytes = 2 * max_client_hello_bytes;
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
  // What the client sent right behind its request.
  const std::string_view received = text_of(client_->buffer);
  const std::size_t size = received.size();
  ways_[up].buffer.assign(received.begin(), received.end());
  client_->buffer = {};
  if (count(up, size)) {
    take(up, size);
  } else {
    end();
  }
}

void Tunnel::cancel() {
  done_ = nullptr;
  for (Direction& way : ways_) {
    if (way.flow) std::exchange(way.flow, nullptr)->cancel();
  }
  error_code ignored;
  client_->socket.close(ignored);
  server_.close(ignored);
}

void Tunnel::end() {
  const auto done = std::exchange(done_, nullptr);
  cancel();
  if (done) done();
}

void Tunnel::refuse(std::string_view reason) {
  refuse(tunnel_denial(request_, std::string(reason)));
}

void Tunnel::refuse(const Denial& denial) {
  context_.run.denied(hello_operation, denial);
  if (is_open_) {
    // Something may be on its way to the client, where an alert would stand in the middle.
    end();
    return;
  }
  boost::asio::async_write(client_->socket, boost::asio::buffer(access_denied_alert),
                           [self = shared_from_this()](error_code, std::size_t) {
                             if (self->done_) self->end();
                           });
}

void Tunnel::relay(Way way) {
  Direction& direction = ways_[way];
  if (watch_.is_over() && direction.held_bytes == 0 && direction.moved_bytes >= splice_from_bytes &&
      splice(way)) {
    return;
  }
  direction.buffer.resize(std::max(relay_buffer_bytes, direction.held_bytes + hello_room_bytes));
  direction.from.async_read_some(
      boost::asio::buffer(direction.buffer) + direction.held_bytes,
      [self = shared_from_this(), way](error_code error, std::size_t size) {
        if (!self->done_) return;
        if (error == boost::asio::error::eof && self->is_open_) {
          self->half_close(way);
        } else if (error || !self->count(way, size)) {
          self->end();
        } else {
          // Whoever says hello byte by byte gets no more time for it.
          if (self->is_open_) self->client_->allow(idle_timeout);
          self->take(way, size);
        }
      });
}

void Tunnel::take(Way way, std::size_t size) {
  ways_[way].held_bytes += size;
  pass_on(way);
}

// Looks at what is held, and lets go of what may go on.
void Tunnel::pass_on(Way way) {
  Direction& direction = ways_[way];
  const std::string_view held(direction.buffer.data(), direction.held_bytes);
  const HandshakeWatch::Progress progress =
      way == up ? watch_.client_sent(held) : watch_.server_sent(held);
  if (!progress.refusal.empty()) {
    refuse(progress.refusal);
    return;
  }
  if (progress.asks_for) {
    if (const auto denial = judge_server_name(request_, *progress.asks_for)) {
      refuse(*denial);
      return;
    }
    if (!std::exchange(is_open_, true)) {
      client_->allow(idle_timeout);
      relay(down);
    }
  }
  if (progress.passed_bytes > 0) {
    write(way, progress.passed_bytes);
  } else {
    relay(way);
  }
}

void Tunnel::write(Way way, std::size_t size) {
  Direction& direction = ways_[way];
  boost::asio::async_write(direction.to, boost::asio::buffer(direction.buffer.data(), size),
                           [self = shared_from_this(), way](error_code error, std::size_t written) {
                             if (!self->done_) return;
                             if (error) {
                               self->end();
                               return;
                             }
                             self->client_->allow(idle_timeout);
                             Direction& done = self->ways_[way];
                             done.moved_bytes += written;
                             done.held_bytes -= written;
                             if (done.held_bytes > 0) {
                               std::copy_n(
                                   done.buffer.begin() + static_cast<std::ptrdiff_t>(written),
                                   done.held_bytes, done.buffer.begin());
                               self->pass_on(way);
                             } else {
                               self->relay(way);
                             }
                           });
}

bool Tunnel::splice(Way way) {
  Direction& direction = ways_[way];
  direction.flow =
      SpliceFlow::create({.owner = shared_from_this(), .from = direction.from, .to = direction.to},
                         std::nullopt, [this, way](std::size_t size) {
                           client_->allow(idle_timeout);
                           return count(way, size);
                         });
  if (!direction.flow) return false;
  direction.buffer = {};
  direction.flow->start([self = weak_from_this(), way](BodyEnd end) {
    const auto tunnel = self.lock();
    if (!tunnel || !tunnel->done_) return;
    tunnel->ways_[way].flow.reset();
    if (end == BodyEnd::whole) {
      tunnel->half_close(way);
    } else {
      tunnel->end();
    }
  });
  return true;
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
