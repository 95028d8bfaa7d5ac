#include <gmock/gmock.h>

#include <mutex>

#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/limits.h"
#include "egress/proxy/proxy_test_client.h"

namespace omnisandbox::egress {
namespace {

using test::hello_for;
using test::RawClient;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::string_literals;

// What is behind the tunnels: keeps every byte that comes, and answers each piece with "got:"
// before it.
class Sink {
 public:
  Sink() : listener_(test::listen_on_loopback()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~Sink() {
    thread_.request_stop();
    ::shutdown(listener_.first.get(), SHUT_RDWR);
  }
  std::string port() const { return std::to_string(listener_.second); }
  std::string seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  int connections() const { return connections_; }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const linux_::Fd socket(::accept4(listener_.first.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.is_open()) continue;
      ++connections_;
      char bytes[64 * 1024];
      ssize_t size = 0;
      while ((size = ::recv(socket.get(), bytes, sizeof bytes, 0)) > 0) {
        const std::string piece(bytes, static_cast<std::size_t>(size));
        {
          const std::lock_guard lock(mutex_);
          seen_ += piece;
        }
        const std::string answer = "got:" + piece;
        ::send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }

  std::pair<linux_::Fd, std::uint16_t> listener_;
  std::mutex mutex_;
  std::string seen_;
  std::atomic<int> connections_{0};
  std::jthread thread_;
};

class TunnelTest : public test::ProxyTest {
 protected:
  std::string authority() const { return "localhost:" + sink_.port(); }
  RawClient connect(const std::string& authority) const {
    RawClient one = client();
    one.send("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
    EXPECT_THAT(one.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    return one;
  }
  /// `bytes` go into a tunnel that is allowed; nothing of them may arrive.
  void expect_refused(const std::string& bytes, const std::string& reason) {
    RawClient one = connect(authority());
    one.send(bytes);
    EXPECT_EQ(one.receive_all(), "\x15\x03\x03\x00\x02\x02\x31"s) << reason;
    EXPECT_EQ(sink_.seen(), "");
  }
  Sink sink_;
};

TEST_F(TunnelTest, CarriesTlsForItsHost) {
  start({authority()});
  RawClient one = connect(authority());
  const std::string hello = hello_for("LocalHost");
  one.send(hello.substr(0, 3));
  one.send(hello.substr(3) + "more");
  EXPECT_EQ(one.receive(hello.size() + 8), "got:" + hello + "more");
  one.send("and more");
  EXPECT_EQ(one.receive(12), "got:and more");
  one.finish_sending();
  EXPECT_EQ(one.receive_all(), "");
  EXPECT_EQ(sink_.seen(), hello + "moreand more");
  EXPECT_EQ(proxy_->stop().denial_count, 0U);
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].operation, "proxy.connect");
  EXPECT_EQ(records()[0].resource, authority());
}

TEST_F(TunnelTest, ABrokenPromiseReachesNobody) {
  start({authority(), "evil.example"});
  expect_refused(hello_for("evil.example"), "another name");
  expect_refused(hello_for("localhost.evil.example"), "a longer name");
  expect_refused(test::hello_without_name(), "no name");
  expect_refused("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "plain HTTP");
  expect_refused("SSH-2.0-x\r\n", "another protocol");
  expect_refused(test::record(test::hello_message(test::server_name("localhost") +
                                                  test::extension(0xfe0d, "x"))),
                 "ECH");
  expect_refused(test::record(test::hello_message(test::server_name("localhost"))
                                  .append(test::hello_message(test::server_name("evil.example")))),
                 "two messages");
  const ProxyReport report = proxy_->stop();
  EXPECT_EQ(report.denial_count, 7U);
  ASSERT_EQ(report.denials.size(), 7U);
  EXPECT_THAT(report.denials[0].reason, HasSubstr("asks for evil.example (SNI)"));
  EXPECT_THAT(report.denials[2].reason, HasSubstr("names no server"));
  EXPECT_THAT(report.denials[3].reason, HasSubstr("not TLS"));
  EXPECT_EQ(records().size(), 14U);  // each tunnel was allowed, and then closed
}

TEST_F(TunnelTest, AnAddressNeedsNoName) {
  const std::string address = "127.0.0.1:" + sink_.port();
  start({address});
  RawClient one = connect(address);
  one.send(test::hello_without_name());
  EXPECT_THAT(one.receive(4), "got:");
  RawClient other = connect(address);
  other.send(hello_for("evil.example"));
  EXPECT_EQ(other.receive_all(), "\x15\x03\x03\x00\x02\x02\x31"s);
}

TEST_F(TunnelTest, RefusedTunnelsDialNobody) {
  start({HostRule("https://localhost:" + sink_.port() + "/path"),
         HostRule("http://127.0.0.1:" + sink_.port())});
  for (const std::string& target :
       {authority(), "127.0.0.1:" + sink_.port(), "evil.example:443"s, "localhost:22"s}) {
    EXPECT_THAT(answer("CONNECT " + target + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403 "))
        << target;
  }
  for (const std::string& target : {"localhost"s, "/"s, "http://localhost/"s, "*"s}) {
    EXPECT_THAT(answer("CONNECT " + target + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "))
        << target;
  }
  EXPECT_THAT(answer("CONNECT " + authority() + " HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(sink_.connections(), 0);
}

TEST_F(TunnelTest, SocksOpensTheSameTunnels) {
  start({authority()});
  const auto request = [](const std::string& name, std::uint16_t port) {
    return "\x05\x01\x00\x03"s + test::with_length(name, 1) + test::number(port, 2);
  };
  const auto port = static_cast<std::uint16_t>(std::stoi(sink_.port()));
  RawClient one = client();
  one.send("\x05\x01\x00"s);
  EXPECT_EQ(one.receive(2), "\x05\x00"s);
  one.send(request("localhost", port));
  EXPECT_EQ(one.receive(10), "\x05\x00\x00\x01\0\0\0\0\0\0"s);
  one.send(hello_for("localhost"));
  EXPECT_EQ(one.receive(4), "got:");

  const auto reply_to = [&](const std::string& bytes) {
    RawClient other = client();
    other.send("\x05\x01\x00"s + bytes);
    return other.receive_all().substr(0, 4);
  };
  EXPECT_EQ(reply_to(request("evil.example", 443)), "\x05\x00\x05\x02"s);
  EXPECT_EQ(reply_to(request("localhost", 22)), "\x05\x00\x05\x02"s);
  EXPECT_EQ(reply_to(request("localhost:22/", port)), "\x05\x00\x05\x01"s);
  EXPECT_EQ(reply_to(request("a@localhost", port)), "\x05\x00\x05\x02"s);
  EXPECT_EQ(reply_to("\x05\x01\x00\x01\x7f\x00\x00\x01"s + test::number(port, 2)),
            "\x05\x00\x05\x02"s);
  EXPECT_EQ(reply_to("\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50"s), "\x05\x00\x05\x07"s);
  EXPECT_EQ(answer("\x05\x01\x02"s), "\x05\xff"s);
  EXPECT_EQ(answer("\x05\x01\x00\x04"s).substr(0, 2), "\x05\x00"s);
  EXPECT_EQ(sink_.connections(), 1);
}

TEST_F(TunnelTest, BringsAsMuchAsThePolicySays) {
  start(Config{.allowed_hosts = {authority()}, .max_response_bytes = 4096});
  RawClient one = connect(authority());
  one.send(hello_for("localhost"));
  while (one.send(std::string(1000, 'x')) && !one.receive(100).empty()) {
  }
  const ProxyReport report = proxy_->stop();
  ASSERT_EQ(report.denials.size(), 1U);
  EXPECT_EQ(report.denials[0].rule, "max_response_bytes");
}

}  // namespace
}  // namespace omnisandbox::egress
