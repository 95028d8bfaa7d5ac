#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "linux/fd.h"

/// A server for tests that puts exactly the bytes on the wire that a test writes, and keeps what it
/// received.
namespace omnisandbox::egress::test {

struct RawRequest {
  std::string method;
  std::string target;  // as in the request line
  std::string head;    // request line and headers, with line ends
  std::string body;
};

/// One accepted connection, as a script sees it.
class Peer {
 public:
  Peer(int socket, const std::atomic<bool>& stopping) : socket_(socket), stopping_(stopping) {}

  /// The next request; false when the client has gone.
  bool receive(RawRequest& request) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return false;
    }
    request.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    const std::size_t first_space = request.head.find(' ');
    const std::size_t second_space = request.head.find(' ', first_space + 1);
    request.method = request.head.substr(0, first_space);
    request.target = request.head.substr(first_space + 1, second_space - first_space - 1);
    std::size_t length = 0;
    constexpr std::string_view name = "Content-Length: ";
    if (const std::size_t at = request.head.find(name); at != std::string::npos) {
      const char* digits = request.head.data() + at + name.size();
      std::from_chars(digits, request.head.data() + request.head.size(), length);
    }
    while (buffer_.size() < length) {
      if (!fill()) return false;
    }
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return true;
  }

  /// False when the client has gone or the server is being destroyed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0 || stopping_) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Ends the connection with a reset.
  void reset() {
    const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(socket_, &none, sizeof none);
  }

  /// Waits, and says whether the client is still there.
  bool pause(std::chrono::milliseconds time) {
    pollfd waiting{socket_, POLLRDHUP, 0};
    return ::poll(&waiting, 1, static_cast<int>(time.count())) == 0 && !stopping_;
  }

 private:
  bool fill() {
    char bytes[16 * 1024];
    const ssize_t received = ::recv(socket_, bytes, sizeof bytes, 0);
    if (received <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(received));
    return true;
  }

  int socket_;
  const std::atomic<bool>& stopping_;
  std::string buffer_;
};

class Server {
 public:
  using Script = std::function<void(Peer&)>;
  using Answer = std::function<std::string(const RawRequest&)>;

  /// Runs `script` for each connection. `address` is an IPv4 or IPv6 address, port 0 a free one.
  explicit Server(Script script, const std::string& address = "127.0.0.1", std::uint16_t port = 0)
      : script_(std::move(script)) {
    const bool is_v6 = address.find(':') != std::string::npos;
    listener_ = linux_::Fd(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
    ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    auto* generic = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
    socklen_t length = is_v6 ? sizeof v6 : sizeof v4;
    // An IPv6 address that was just added is tentative for a moment, while the kernel looks for
    // duplicates.
    int bound = ::bind(listener_.get(), generic, length);
    for (int attempt = 0; bound != 0 && attempt < 500; ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      bound = ::bind(listener_.get(), generic, length);
    }
    if (bound != 0 || ::listen(listener_.get(), 64) != 0) {
      throw std::runtime_error("the test server cannot listen on " + address);
    }
    ::getsockname(listener_.get(), generic, &length);
    port_ = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
  }

  /// Answers each request with the bytes that `answer` returns, on kept connections.
  static Script answering(Answer answer) {
    return [answer = std::move(answer)](Peer& peer) {
      RawRequest request;
      while (peer.receive(request) && peer.send(answer(request))) {
      }
    };
  }

  ~Server() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_ = {};
    {
      const std::lock_guard lock(mutex_);
      for (const linux_::Fd& socket : sockets_) ::shutdown(socket.get(), SHUT_RDWR);
    }
    threads_.clear();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return port_; }
  std::string host_and_port() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string_view path = "/") const {
    return "http://" + host_and_port() + std::string(path);
  }
  int connections() const { return connections_; }

 private:
  void accept_all() {
    while (!stopping_) {
      linux_::Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.is_open()) continue;
      ++connections_;
      const std::lock_guard lock(mutex_);
      const int descriptor = socket.get();
      sockets_.push_back(std::move(socket));
      threads_.emplace_back([this, descriptor] {
        Peer peer(descriptor, stopping_);
        script_(peer);
        ::shutdown(descriptor, SHUT_RDWR);
      });
    }
  }

  Script script_;
  linux_::Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<linux_::Fd> sockets_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

/// A whole response with a Content-Length.
inline std::string response(int status, const std::vector<std::string>& headers = {},
                            std::string_view body = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " X\r\n";
  for (const std::string& header : headers) text += header + "\r\n";
  return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace omnisandbox::egress::test
