#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "egress/http_test_server.h"
#include "egress/proxy/proxy.h"
#include "linux/fd.h"

/// A proxy on a socket of the test's own, and clients that send it exactly the bytes of the test.
namespace omnisandbox::egress::test {

/// A listening socket on 127.0.0.1, and its port.
inline std::pair<linux_::Fd, std::uint16_t> listen_on_loopback(int backlog = 4096) {
  linux_::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener.get(), backlog), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return {std::move(listener), ntohs(address.sin_port)};
}

class RawClient {
 public:
  explicit RawClient(std::uint16_t port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    is_connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool is_connected() const { return is_connected_; }
  int handle() const { return socket_.get(); }

  /// False once the proxy has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }

  /// What has come when `size` bytes are there, or when nothing more comes.
  std::string receive(std::size_t size) {
    while (received_.size() < size && fill()) {
    }
    const std::string taken = received_.substr(0, size);
    received_.erase(0, taken.size());
    return taken;
  }
  /// Up to and with `end`.
  std::string receive_until(std::string_view end) {
    std::size_t at = std::string::npos;
    while ((at = received_.find(end)) == std::string::npos && fill()) {
    }
    return receive(at == std::string::npos ? received_.size() : at + end.size());
  }
  std::string receive_all() { return receive(std::string::npos); }
  /// Whether the proxy ended the connection with a reset.
  bool was_reset() const { return was_reset_; }

 private:
  bool fill() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) != 1) {
      ADD_FAILURE() << "nothing comes from the proxy; so far: " << received_;
      return false;
    }
    char bytes[64 * 1024];
    const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (size < 0) was_reset_ = true;
    if (size <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  linux_::Fd socket_;
  bool is_connected_ = false;
  bool was_reset_ = false;
  std::string received_;
};

class ProxyTest : public testing::Test {
 protected:
  void start(Config config, std::chrono::milliseconds time = std::chrono::seconds(60)) {
    config.capabilities.push_back(Capability::net_http);
    auto policy = Policy::compile(std::move(config));
    ASSERT_TRUE(policy) << policy.error().message;
    auto [listener, port] = listen_on_loopback();
    port_ = port;
    auto proxy = Proxy::start(*std::move(policy), std::move(listener),
                              ProxyOptions{.audit = make_callback_audit([this](const auto& record) {
                                             const std::lock_guard lock(mutex_);
                                             records_.push_back(record);
                                           }),
                                           .run_id = "run-1",
                                           .deadline = std::chrono::steady_clock::now() + time});
    ASSERT_TRUE(proxy) << proxy.error().message;
    proxy_ = *std::move(proxy);
  }
  void start(std::vector<HostRule> hosts) { start(Config{.allowed_hosts = std::move(hosts)}); }

  RawClient client() const { return RawClient(port_); }
  /// What the proxy says to `bytes`, until it closes.
  std::string answer(std::string_view bytes) const {
    RawClient one = client();
    one.send(bytes);
    return one.receive_all();
  }
  /// A GET through the proxy on a connection of its own.
  std::string get(const std::string& url, const std::string& more_headers = {}) const {
    return answer("GET " + url + " HTTP/1.1\r\nHost: " + authority_of(url) + "\r\n" + more_headers +
                  "Connection: close\r\n\r\n");
  }
  static std::string authority_of(const std::string& url) {
    const std::size_t begin = url.find("://") + 3;
    return url.substr(begin, url.find('/', begin) - begin);
  }

  std::vector<AuditRecord> records() {
    const std::lock_guard lock(mutex_);
    return records_;
  }

  std::mutex mutex_;
  std::vector<AuditRecord> records_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Proxy> proxy_;
};

}  // namespace omnisandbox::egress::test
