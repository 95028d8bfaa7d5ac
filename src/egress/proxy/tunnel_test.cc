#include <gmock/gmock.h>

#include <mutex>
#include <random>
#include <thread>

#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/limits.h"
#include "egress/proxy/proxy_test_client.h"

namespace omnisandbox::egress {
namespace {

using test::change_cipher_spec;
using test::encrypted;
using test::hello_for;
using test::RawClient;
using test::server_hello;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::string_literals;

// What is behind the tunnels: keeps every byte that comes. Answers its pieces with what it was told
// to, one after the other, and then each with "got:" before it.
class Sink {
 public:
  explicit Sink(std::vector<std::string> answers = {test::server_hello()})
      : answers_(std::move(answers)), listener_(test::listen_on_loopback()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~Sink() {
    thread_.request_stop();
    ::shutdown(listener_.first.get(), SHUT_RDWR);
    const std::lock_guard lock(mutex_);
    if (served_ >= 0) ::shutdown(served_, SHUT_RDWR);
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
      serve_next(socket.get());
      std::vector<char> bytes(256 * 1024);
      ssize_t size = 0;
      std::size_t answered = 0;
      while (!stop.stop_requested() &&
             (size = ::recv(socket.get(), bytes.data(), bytes.size(), 0)) > 0) {
        const std::string piece(bytes.data(), static_cast<std::size_t>(size));
        {
          const std::lock_guard lock(mutex_);
          seen_ += piece;
        }
        const std::string answer =
            answered < answers_.size() ? answers_[answered++] : "got:" + piece;
        ::send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      serve_next(-1);
    }
  }
  void serve_next(int socket) {
    const std::lock_guard lock(mutex_);
    served_ = socket;
  }

  const std::vector<std::string> answers_;
  std::pair<linux_::Fd, std::uint16_t> listener_;
  std::mutex mutex_;
  std::string seen_;  // guarded by mutex_
  int served_ = -1;   // guarded by mutex_
  std::atomic<int> connections_{0};
  std::jthread thread_;
};

class TunnelTest : public test::ProxyTest {
 protected:
  std::string authority() const { return authority(sink_); }
  static std::string authority(const Sink& sink) { return "localhost:" + sink.port(); }
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
  /// A tunnel whose handshake is over.
  RawClient connect_encrypted(const std::string& authority) const {
    RawClient one = connect(authority);
    one.send(hello_for("localhost"));
    EXPECT_EQ(one.receive(server_hello().size()), server_hello());
    one.send(change_cipher_spec());
    EXPECT_EQ(one.receive(4 + change_cipher_spec().size()), "got:" + change_cipher_spec());
    return one;
  }
  Sink sink_;
};

TEST_F(TunnelTest, CarriesTlsForItsHost) {
  start({authority()});
  RawClient one = connect(authority());
  const std::string hello = hello_for("LocalHost");
  one.send(hello.substr(0, 3));
  one.send(hello.substr(3) + encrypted("early"));
  EXPECT_EQ(one.receive(server_hello().size()), server_hello());
  one.send(encrypted("finished"));
  // What came early is answered with the hello or by itself.
  EXPECT_THAT(one.receive_until("finished"), EndsWith(encrypted("finished")));
  one.send("anything");
  EXPECT_THAT(one.receive(12), "got:anything");
  one.finish_sending();
  EXPECT_EQ(one.receive_all(), "");
  EXPECT_EQ(sink_.seen(), hello + encrypted("early") + encrypted("finished") + "anything");
  EXPECT_EQ(proxy_->stop().denial_count, 0U);
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0].operation, "proxy.connect");
  EXPECT_EQ(records()[0].resource, authority());
}

TEST_F(TunnelTest, ASecondClientHelloIsJudgedLikeTheFirst) {
  for (const std::string& name : {"localhost"s, "evil.example"s, ""s}) {
    Sink retrying({test::hello_retry_request(), server_hello()});
    start({authority(retrying)});
    RawClient one = connect(authority(retrying));
    const std::string first = hello_for("localhost");
    one.send(first);
    EXPECT_EQ(one.receive(test::hello_retry_request().size()), test::hello_retry_request());
    const std::string second = name.empty() ? test::hello_without_name() : hello_for(name);
    // Its first half must not reach the server either.
    one.send(second.substr(0, 40));
    one.send(second.substr(40));
    if (name == "localhost") {
      EXPECT_EQ(one.receive(server_hello().size()), server_hello());
      EXPECT_EQ(retrying.seen(), first + second);
      EXPECT_EQ(proxy_->stop().denial_count, 0U);
    } else {
      EXPECT_EQ(one.receive_all(), "");
      EXPECT_EQ(retrying.seen(), first);
      EXPECT_EQ(proxy_->stop().denial_count, 1U);
    }
  }
}

TEST_F(TunnelTest, AServerThatDoesNotAnswerWithTlsIsCutOff) {
  Sink other({"SSH-2.0-x\r\n"});
  start({authority(other)});
  RawClient one = connect(authority(other));
  one.send(hello_for("localhost"));
  EXPECT_EQ(one.receive_all(), "");
  const ProxyReport report = proxy_->stop();
  ASSERT_EQ(report.denials.size(), 1U);
  EXPECT_THAT(report.denials[0].reason, HasSubstr("does not answer with TLS"));
}

TEST_F(TunnelTest, LongTransfersArriveWhole) {
  start({authority()});
  RawClient one = connect_encrypted(authority());
  // Far beyond what is copied before a pipe is worth it, in both directions at once.
  std::string sent;
  std::mt19937 random(1);
  while (sent.size() < 8 * splice_from_bytes) sent += static_cast<char>(random());
  std::jthread sender([&] {
    one.send(sent);
    one.finish_sending();
  });
  const std::string came = one.receive_all();
  sender.join();
  EXPECT_THAT(sink_.seen(), EndsWith(sent));
  EXPECT_GT(came.size(), sent.size());
  EXPECT_EQ(proxy_->stop().denial_count, 0U);
}

TEST_F(TunnelTest, AReceiverThatGoesAwayEndsALongTransfer) {
  Sink flood({server_hello(), std::string(32 * 1024 * 1024, 'x')});
  start({authority(flood)});
  for (int i = 0; i < 3; ++i) {
    RawClient one = connect(authority(flood));
    one.send(hello_for("localhost"));
    one.receive(server_hello().size());
    one.send(change_cipher_spec());
    EXPECT_EQ(one.receive(4 * splice_from_bytes).size(), 4 * splice_from_bytes);
  }
  // The proxy serves others, and nobody died of SIGPIPE.
  RawClient other = connect(authority(flood));
  other.send(hello_for("localhost"));
  EXPECT_EQ(other.receive(server_hello().size()), server_hello());
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
  EXPECT_EQ(one.receive(server_hello().size()), server_hello());
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
  EXPECT_EQ(one.receive(server_hello().size()), server_hello());

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
  for (const std::uint64_t limit : {std::uint64_t{4096}, 2 * splice_from_bytes}) {
    start(Config{.allowed_hosts = {authority()}, .max_response_bytes = limit});
    RawClient one = connect_encrypted(authority());
    std::uint64_t came = server_hello().size() + 4 + change_cipher_spec().size();
    while (one.send(std::string(1000, 'x'))) {
      const std::size_t size = one.receive(1000).size();
      came += size;
      if (size == 0) break;
    }
    EXPECT_LE(came, limit);
    const ProxyReport report = proxy_->stop();
    ASSERT_EQ(report.denials.size(), 1U);
    EXPECT_EQ(report.denials[0].rule, "max_response_bytes");
  }
}

}  // namespace
}  // namespace omnisandbox::egress
