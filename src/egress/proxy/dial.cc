#include "egress/proxy/dial.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/error.h"

namespace omnisandbox::egress {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::string_view dial_operation = "proxy.dial";
constexpr int bad_gateway = 502;
constexpr int gateway_timeout = 504;

tcp::endpoint endpoint_of(const policy::IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) return {boost::asio::ip::address_v4(address.v4_bits()), port};
  boost::asio::ip::address_v6::bytes_type bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    const auto shift = 8 * (7 - i);
    bytes[i] = static_cast<unsigned char>(address.high() >> shift);
    bytes[i + 8] = static_cast<unsigned char>(address.low() >> shift);
  }
  return {boost::asio::ip::address_v6(bytes), port};
}

}  // namespace

std::shared_ptr<Dial> Dial::start(ProxyContext context, const JudgedRequest& request, Done done) {
  auto dial = std::make_shared<Dial>(context, request, std::move(done));
  dial->resolve();
  return dial;
}

Dial::Dial(ProxyContext context, const JudgedRequest& request, Done done)
    : context_(context),
      request_(request),
      guard_(context.run.compiled(), request.target, request.grant, request.asked_as),
      done_(std::move(done)),
      socket_(context.io),
      timer_(context.io),
      give_up_at_(Clock::now() + dial_timeout) {}

void Dial::cancel() {
  done_ = nullptr;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void Dial::resolve() {
  timer_.expires_at(give_up_at_);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || !self->done_) return;
    self->timed_out_ = true;
    self->finish(tl::unexpected(self->failure()));
  });
  if (request_.target.host_is_address) {
    boost::asio::post(context_.io, [self = shared_from_this()] {
      const auto address = policy::IpAddress::parse(self->request_.target.host);
      self->take(address ? std::vector{*address} : std::vector<policy::IpAddress>{});
    });
    return;
  }
  context_.names.look_up(request_.target.host, [self = shared_from_this()](auto addresses) {
    if (self->done_) self->take(std::move(addresses));
  });
}

void Dial::take(Expected<std::vector<policy::IpAddress>> addresses) {
  if (!done_) return;
  if (!addresses) {
    last_error_ = std::move(addresses).error().message;
    finish(tl::unexpected(failure()));
    return;
  }
  addresses_ = *std::move(addresses);
  if (addresses_.size() > max_addresses_tried) addresses_.resize(max_addresses_tried);
  try_next();
}

void Dial::try_next() {
  while (next_ < addresses_.size()) {
    const tcp::endpoint endpoint = endpoint_of(addresses_[next_++], request_.target.port);
    // The very bytes that go to connect(2).
    auto judged = guard_.judge(endpoint.data(), endpoint.size());
    if (judged) {
      connect(endpoint);
      return;
    }
    context_.run.denied(dial_operation, judged.error());
    if (!first_denial_) first_denial_ = std::move(judged).error();
  }
  finish(tl::unexpected(failure()));
}

void Dial::connect(const tcp::endpoint& endpoint) {
  error_code error;
  socket_.close(error);
  socket_.open(endpoint.protocol(), error);
  if (error) {
    last_error_ = error.message();
    boost::asio::post(context_.io, [self = shared_from_this()] {
      if (self->done_) self->try_next();
    });
    return;
  }
  const auto until = std::min(give_up_at_, Clock::now() + connect_timeout);
  timer_.expires_at(until);
  timer_.async_wait([self = shared_from_this()](error_code failed) {
    // A wait that was over just before the timer was set anew says nothing about this address.
    if (failed || !self->done_ || self->timer_.expiry() > Clock::now()) return;
    self->timed_out_ = Clock::now() >= self->give_up_at_;
    error_code ignored;
    self->socket_.close(ignored);  // async_connect ends
  });
  socket_.async_connect(endpoint, [self = shared_from_this()](error_code failed) {
    if (!self->done_) return;
    if (!failed) {
      self->finish(std::move(self->socket_));
      return;
    }
    self->last_error_ = failed == boost::asio::error::operation_aborted ? std::string("no answer")
                                                                        : failed.message();
    if (self->timed_out_) {
      self->finish(tl::unexpected(self->failure()));
    } else {
      self->try_next();
    }
  });
}

void Dial::finish(tl::expected<Socket, Refusal> result) {
  timer_.cancel();
  std::exchange(done_, nullptr)(std::move(result));
}

Refusal Dial::failure() const {
  if (first_denial_ && last_error_.empty()) return Refusal{.status = 403, .denial = first_denial_};
  const std::string host = base::printable(request_.target.host, 300);
  if (timed_out_)
    return Refusal{.status = gateway_timeout, .reason = fmt::format("no answer from {}", host)};
  return Refusal{.status = bad_gateway,
                 .reason = fmt::format("no connection to {} on port {}: {}", host,
                                       request_.target.port, last_error_)};
}

}  // namespace omnisandbox::egress
