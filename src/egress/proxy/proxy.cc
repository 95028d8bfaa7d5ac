#include "egress/proxy/proxy.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <set>
#include <thread>
#include <utility>

#include "audit/run_records.h"
#include "base/try.h"
#include "egress/proxy/client_connection.h"
#include "egress/proxy/limits.h"
#include "linux/threads.h"

namespace omnisandbox::egress {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

class Proxy::Impl {
 public:
  Impl(Policy policy, ProxyOptions options)
      : run_(std::move(policy), std::move(options.audit), std::move(options.run_id),
             std::move(options.sandbox)),
        deadline_(options.deadline),
        io_(1),
        names_(io_),
        acceptor_(io_),
        accept_timer_(io_),
        tick_timer_(io_) {}

  ~Impl() {
    stop();
    for (const auto& connection : connections_) connection->cancel();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Expected<void> start(linux_::Fd listener) {
    error_code error;
    acceptor_.assign(tcp::v4(), listener.get(), error);
    if (error) return Error::from_errno(error.value(), "epoll_ctl", "the proxy's listener");
    static_cast<void>(listener.release());
    accept();
    tick();
    thread_ = TRY(linux_::start_thread("for the command's proxy", [this] { serve(); }));
    return {};
  }

  ProxyReport stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    return {.denials = run_.take_denials(), .denial_count = run_.denial_count()};
  }

 private:
  void serve() {
    try {
      io_.run();
    } catch (const std::exception&) {
      // Nothing more is served: no way out is the safe failure. (Only memory that is used up can
      // bring it here.)
    }
  }

  void accept() {
    is_accepting_ = true;
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      is_accepting_ = false;
      if (error) {
        pause_accepting();
        return;
      }
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto connection =
          std::make_shared<ClientConnection>(ProxyContext{run_, io_, names_}, std::move(socket),
                                             [this](ClientConnection& closed) { forget(closed); });
      connections_.insert(connection);
      connection->start();
      if (may_accept()) accept();
    });
  }

  void pause_accepting() {
    accept_timer_.expires_after(accept_pause);
    accept_timer_.async_wait([this](error_code error) {
      if (!error && !is_accepting_ && may_accept()) accept();
    });
  }

  // Makes room where a connection only waits for another request; else who comes next waits.
  bool may_accept() {
    if (connections_.size() < max_connections_per_run) return true;
    for (const auto& connection : connections_) {
      if (!connection->is_idle()) continue;
      const auto idle = connection;
      idle->cancel();
      connections_.erase(idle);
      return true;
    }
    return false;
  }

  void forget(ClientConnection& connection) {
    connections_.erase(connection.shared_from_this());
    if (!is_accepting_ && may_accept()) accept();
  }

  void tick() {
    const auto now = Clock::now();
    if (now >= deadline_) {
      io_.stop();
      return;
    }
    for (auto each = connections_.begin(); each != connections_.end();) {
      if ((*each)->is_expired(now)) {
        (*each)->cancel();
        each = connections_.erase(each);
      } else {
        ++each;
      }
    }
    if (!is_accepting_ && may_accept()) accept();
    tick_timer_.expires_at(std::min(deadline_, now + tick_interval));
    tick_timer_.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  ProxyRun run_;
  const Clock::time_point deadline_;
  boost::asio::io_context io_;
  NameResolver names_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_timer_;
  boost::asio::steady_timer tick_timer_;
  std::set<std::shared_ptr<ClientConnection>> connections_;
  bool is_accepting_ = false;
  std::jthread thread_;
};

Proxy::Proxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Proxy::~Proxy() = default;

Expected<std::unique_ptr<Proxy>> Proxy::start(Policy policy, linux_::Fd listener,
                                              ProxyOptions options) {
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  std::unique_ptr<Impl> impl;
  try {
    impl = std::make_unique<Impl>(std::move(policy), std::move(options));
  } catch (const boost::system::system_error& failure) {
    // An event loop is some descriptors.
    return Error::from_errno(failure.code().value(), "epoll_create", "the proxy's event loop");
  }
  TRY(impl->start(std::move(listener)));
  return std::unique_ptr<Proxy>(new Proxy(std::move(impl)));
}

ProxyReport Proxy::stop() { return impl_->stop(); }

}  // namespace omnisandbox::egress
