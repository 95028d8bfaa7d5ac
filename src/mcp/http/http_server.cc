#include "mcp/http/http_server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "linux/tcp_listener.h"
#include "mcp/http/connection.h"
#include "mcp/http/endpoint.h"
#include "mcp/http/host_port.h"

namespace omnisandbox::mcp {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

class HttpServer::Impl final : public Connection::Taker {
 public:
  Impl(Server& server, HttpOptions options, tcp protocol)
      : protocol_(protocol),
        io_(std::make_shared<boost::asio::io_context>()),
        endpoint_(server, std::move(options.access),
                  {.max_sessions = options.max_sessions, .idle_time = options.session_idle_time},
                  io_),
        acceptor_(*io_),
        accept_timer_(*io_),
        tick_timer_(*io_) {}

  ~Impl() override {
    for (const auto& connection : connections_) {
      connection->cancel();
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Expected<void> listen(linux_::Fd listener) {
    ErrorCode error;
    acceptor_.assign(protocol_, listener.get(), error);
    if (error) {
      return Error::from_errno(error.value(), "epoll_ctl", "the listener");
    }
    static_cast<void>(listener.release());
    port_ = acceptor_.local_endpoint(error).port();
    wait_for_clients();
    tick();
    return {};
  }

  std::uint16_t port() const noexcept { return port_; }

  void run() {
    for (;;) {
      try {
        io_->run();
        return;
      } catch (const std::exception&) {
        // Memory that is used up, for one request: the others go on.
      }
    }
  }

  void stop() { io_->stop(); }

  void flush(std::chrono::milliseconds patience) {
    // Behind everything that waits for the thread; what it writes is tried at once.
    const auto reached = std::make_shared<std::promise<void>>();
    boost::asio::post(*io_, [reached] { reached->set_value(); });
    static_cast<void>(reached->get_future().wait_for(patience));
  }

  std::optional<Refusal> judge(const RequestHead& head) override {
    const std::size_t bytes_at_once = std::accumulate(
        connections_.begin(), connections_.end(), std::size_t{0},
        [](std::size_t sum, const auto& connection) { return sum + connection->body_bytes(); });
    return endpoint_.judge(head, bytes_at_once);
  }

  void take(const std::shared_ptr<Connection>& connection, const RequestHead& head,
            std::string body) override {
    endpoint_.take(connection, head, std::move(body));
  }

  void closed(const std::shared_ptr<Connection>& connection) override {
    connections_.erase(connection);
    wait_for_clients();
  }

 private:
  // The kernel's own accept4(2) and not Asio's: what it opens would be inherited by commands.
  void wait_for_clients() {
    if (is_waiting_ || !may_accept()) {
      return;
    }
    is_waiting_ = true;
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](ErrorCode error) {
      is_waiting_ = false;
      if (!error) {
        accept();
      }
    });
  }

  void accept() {
    while (may_accept()) {
      auto accepted = linux_::accept_tcp(acceptor_.native_handle());
      if (!accepted) {
        pause();
        return;
      }
      if (!*accepted) {
        break;
      }
      begin(**std::move(accepted));
    }
    wait_for_clients();
  }

  void begin(linux_::Fd client) {
    tcp::socket socket(*io_);
    ErrorCode error;
    socket.assign(protocol_, client.get(), error);
    if (error) {
      return;
    }
    static_cast<void>(client.release());
    const auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection);
    connection->start();
  }

  void pause() {
    accept_timer_.expires_after(accept_pause);
    accept_timer_.async_wait([this](ErrorCode error) {
      if (!error) {
        wait_for_clients();
      }
    });
  }

  // Makes room where somebody has not said yet what he wants, or who he is; else who comes next
  // waits.
  bool may_accept() {
    if (connections_.size() < max_connections) {
      return true;
    }
    std::shared_ptr<Connection> oldest;
    for (const auto& connection : connections_) {
      if (connection->is_expendable() && (!oldest || connection->since() < oldest->since())) {
        oldest = connection;
      }
    }
    if (!oldest) {
      return false;
    }
    oldest->cancel();
    connections_.erase(oldest);
    return true;
  }

  void tick() {
    const auto now = Clock::now();
    // First, so that a tick that fails is not the last one.
    tick_timer_.expires_at(now + tick_interval);
    tick_timer_.async_wait([this](ErrorCode error) {
      if (!error) {
        tick();
      }
    });
    // A copy: who is closed leaves the set.
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) {
      if (!connection->tick(now)) {
        connection->cancel();
        connections_.erase(connection);
      }
    }
    endpoint_.tick(now);
    wait_for_clients();
  }

  const tcp protocol_;
  const std::shared_ptr<boost::asio::io_context> io_;  // shared with exchanges, which outlive it
  std::set<std::shared_ptr<Connection>> connections_;  // shared with their operations under way
  Endpoint endpoint_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_timer_;
  boost::asio::steady_timer tick_timer_;
  bool is_waiting_ = false;
  std::uint16_t port_ = 0;
};

Expected<std::unique_ptr<HttpServer>> HttpServer::create(Server& server, HttpOptions options) {
  const bool is_v6 = options.address.find(':') != std::string::npos;
  const auto address = parse_host_port(is_v6 ? "[" + options.address + "]" : options.address);
  if (!address || !address->is_address) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" is no IP address to listen at; write 127.0.0.1 or [::1]",
                            base::printable(options.address));
  }
  if (!address->is_loopback && !options.access.token) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{} can be reached from other machines, and whoever reaches it without "
                            "a token could use every tool; give a token, or listen at 127.0.0.1",
                            options.address);
  }
  linux_::Fd listener = TRY(linux_::listen_tcp(options.address, options.port));
  auto impl = std::make_unique<Impl>(server, std::move(options), is_v6 ? tcp::v6() : tcp::v4());
  TRY(impl->listen(std::move(listener)));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return impl_->port(); }
void HttpServer::run() { impl_->run(); }
void HttpServer::stop() { impl_->stop(); }
void HttpServer::flush(std::chrono::milliseconds patience) { impl_->flush(patience); }

}  // namespace omnisandbox::mcp
