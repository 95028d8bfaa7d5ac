#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "egress/address_guard.h"
#include "egress/proxy/proxy_run.h"
#include "egress/proxy/request_judge.h"

namespace omnisandbox::egress {

using Socket = boost::asio::ip::tcp::socket;

/// One judged request's way to its server: looks the name up, has each address judged, and connects
/// to the first judged one that answers. The address that is connected to is the one that was
/// judged.
class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Done = std::function<void(tl::expected<Socket, Refusal>)>;

  /// `request` must live until `done` was called; `done` is called later, from the loop, at most
  /// once.
  static std::shared_ptr<Dial> start(ProxyContext context, const JudgedRequest& request, Done done);
  Dial(ProxyContext context, const JudgedRequest& request, Done done);

  /// `done` is not called any more.
  void cancel();

 private:
  void resolve();
  void take(Expected<std::vector<policy::IpAddress>> addresses);
  void try_next();
  void connect(const boost::asio::ip::tcp::endpoint& endpoint);
  void finish(tl::expected<Socket, Refusal> result);
  Refusal failure() const;

  ProxyContext context_;
  const JudgedRequest& request_;
  AddressGuard guard_;
  Done done_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point give_up_at_;
  std::vector<policy::IpAddress> addresses_;
  std::size_t next_ = 0;
  std::optional<Denial> first_denial_;
  std::string last_error_;
  bool timed_out_ = false;
};

}  // namespace omnisandbox::egress
