#include "egress/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "egress/http_test_server.h"
#include "linux/test_scarce_descriptors.h"

namespace omnisandbox::egress {
namespace {

using namespace std::chrono_literals;
using policy::CanonicalTarget;
using policy::IpAddress;
using test::Peer;
using test::RawRequest;
using test::response;
using test::Server;
using ::testing::HasSubstr;
using ::testing::Not;

// Lets everything through, and keeps what it was asked.
class Recorder : public HttpExchangeHandler {
 public:
  bool may_connect(const IpAddress& address) override {
    asked.push_back(address.to_string());
    return allow;
  }
  Expected<ReadOn> on_body(const HttpHead&, std::string_view piece) override {
    body.append(piece);
    return body.size() >= enough_bytes ? ReadOn::no : ReadOn::yes;
  }
  bool allow = true;
  std::size_t enough_bytes = SIZE_MAX;
  std::vector<std::string> asked;
  std::string body;
};

struct Request {
  std::string url;
  std::string method = "GET";
  std::vector<HttpHeader> headers{};
  std::string body{};
  std::uint64_t max_body_bytes = 1024 * 1024;
  std::chrono::milliseconds time = 10s;
  std::stop_token stop{};
};

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = HttpClient::create();
    ASSERT_TRUE(created) << created.error().message;
    client = *std::move(created);
  }
  Expected<HttpHead> exchange(const Request& request) {
    const auto target = policy::canonicalise_url(request.url);
    EXPECT_TRUE(target) << request.url;
    return client->exchange(
        HttpExchange{*target, request.method, request.headers, request.body, request.max_body_bytes,
                     std::chrono::steady_clock::now() + request.time, request.stop},
        recorder);
  }
  std::string error_of(const Request& request) {
    const auto head = exchange(request);
    return head ? "status " + std::to_string(head->status)
                : std::string(to_string(head.error().kind)) + ": " + head.error().message;
  }

  std::unique_ptr<HttpClient> client;
  Recorder recorder;
};

TEST_F(HttpClientTest, FetchesAndKeepsTheConnection) {
  Server server(Server::answering([](const RawRequest& request) {
    return response(200, {"Content-Type: text/plain", "X-A: 1"}, "you asked for " + request.target);
  }));
  auto head = exchange({.url = server.url("/a/b?c=d%20e")});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->headers.size(), 3U);
  EXPECT_EQ(recorder.body, "you asked for /a/b?c=d%20e");
  ASSERT_TRUE(exchange({.url = server.url("/2")}));
  EXPECT_EQ(server.connections(), 1);
  // Asked when the socket was opened, and before each request.
  EXPECT_THAT(recorder.asked, ::testing::ElementsAre("127.0.0.1", "127.0.0.1", "127.0.0.1"));
}

TEST_F(HttpClientTest, AKeptConnectionIsJudgedAgain) {
  std::atomic<int> requests = 0;
  Server server(Server::answering([&](const RawRequest&) {
    ++requests;
    return response(200);
  }));
  ASSERT_TRUE(exchange({.url = server.url()}));
  recorder.allow = false;
  EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: "));
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, ARefusedAddressIsNeverDialled) {
  Server server(Server::answering([](const RawRequest&) { return response(200); }));
  recorder.allow = false;
  EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: "));
  EXPECT_THAT(error_of({.url = "http://localhost:" + std::to_string(server.port()) + "/"}),
              HasSubstr("io: "));
  EXPECT_EQ(server.connections(), 0);
  EXPECT_FALSE(recorder.asked.empty());
}

TEST_F(HttpClientTest, SpeaksIpv6) {
  std::unique_ptr<Server> server;
  try {
    server = std::make_unique<Server>(
        Server::answering([](const RawRequest&) { return response(204); }), "::1");
  } catch (const std::exception& exception) {
    GTEST_SKIP() << "no IPv6 loopback on this machine: " << exception.what();
  }
  const auto head = exchange({.url = "http://[::1]:" + std::to_string(server->port()) + "/"});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 204);
  EXPECT_THAT(recorder.asked, ::testing::Contains("::1"));
}

TEST_F(HttpClientTest, SendsMethodsBodiesAndHeaders) {
  std::vector<RawRequest> received;
  Server server(Server::answering([&](const RawRequest& request) {
    received.push_back(request);
    return request.method == "HEAD" ? std::string("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
                                    : response(200);
  }));
  const std::string binary("a\0b\r\n\xff", 6);
  for (const auto& [method, body] :
       std::vector<std::pair<std::string, std::string>>{{"GET", ""},
                                                        {"HEAD", ""},
                                                        {"POST", ""},
                                                        {"POST", binary},
                                                        {"PUT", "x"},
                                                        {"PATCH", ""},
                                                        {"DELETE", ""},
                                                        {"DELETE", "x"},
                                                        {"OPTIONS", ""},
                                                        {"PROPFIND", "<x/>"},
                                                        {"GET", "body"},
                                                        {"POST", std::string(3'000'000, 'x')}}) {
    const auto head = exchange({.url = server.url("/m"),
                                .method = method,
                                .headers = {{"X-One", "1"}, {"X-Empty", ""}, {"Accept", "text/x"}},
                                .body = body});
    ASSERT_TRUE(head) << method << ": " << head.error().message;
    const RawRequest& request = received.back();
    EXPECT_EQ(request.method, method);
    EXPECT_EQ(request.body, body);
    EXPECT_THAT(request.head, HasSubstr("X-One: 1\r\n"));
    EXPECT_THAT(request.head, HasSubstr("X-Empty:\r\n"));
    EXPECT_THAT(request.head, HasSubstr("Accept: text/x\r\n"));
    EXPECT_THAT(request.head, HasSubstr("Host: " + server.host_and_port() + "\r\n"));
    EXPECT_THAT(request.head, HasSubstr("User-Agent: omnisandbox/"));
    EXPECT_THAT(request.head, Not(HasSubstr("Expect")));
    EXPECT_THAT(request.head, Not(HasSubstr("Content-Type")));
    const bool expects_length =
        !body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
    EXPECT_EQ(
        request.head.find("Content-Length: " + std::to_string(body.size())) != std::string::npos,
        expects_length)
        << method;
  }
}

TEST_F(HttpClientTest, NothingOfTheHostProcessIsUsed) {
  int trap_connections = 0;
  std::string head;
  {
    Server trap([](Peer&) {});
    Server server(Server::answering([&](const RawRequest& request) {
      head = request.head;
      return response(200,
                      {"Set-Cookie: a=b", "Alt-Svc: h2=\"" + trap.host_and_port() + "\"; ma=9999",
                       "Strict-Transport-Security: max-age=9999"});
    }));
    char home[] = "/tmp/omnisandbox_home_XXXXXX";
    ASSERT_NE(::mkdtemp(home), nullptr);
    const std::string netrc = std::string(home) + "/.netrc";
    FILE* file = std::fopen(netrc.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs("default login alice password secret\n", file);
    std::fclose(file);
    const std::string proxy = trap.url();
    const std::vector<std::pair<const char*, std::string>> variables = {
        {"http_proxy", proxy}, {"HTTP_PROXY", proxy}, {"https_proxy", proxy}, {"ALL_PROXY", proxy},
        {"all_proxy", proxy},  {"HOME", home},        {"NETRC", netrc},       {"CURL_HOME", home}};
    std::vector<std::pair<const char*, std::optional<std::string>>> before;
    for (const auto& [name, value] : variables) {
      const char* old = std::getenv(name);
      before.emplace_back(name, old == nullptr ? std::nullopt : std::optional<std::string>(old));
      ::setenv(name, value.c_str(), 1);
    }
    EXPECT_TRUE(exchange({.url = server.url()}));
    EXPECT_TRUE(exchange({.url = server.url()}));
    for (const auto& [name, value] : before)
      value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);
    ::unlink(netrc.c_str());
    ::rmdir(home);
    trap_connections = trap.connections();
  }
  EXPECT_EQ(trap_connections, 0);
  EXPECT_THAT(head, Not(HasSubstr("Authorization")));
  EXPECT_THAT(head, Not(HasSubstr("Cookie")));
  EXPECT_THAT(head, Not(HasSubstr("Proxy")));
}

TEST_F(HttpClientTest, NeverFollowsARedirectItself) {
  Server other(Server::answering([](const RawRequest&) { return response(200); }));
  Server server(Server::answering(
      [&](const RawRequest&) { return response(302, {"Location: " + other.url()}); }));
  const auto head = exchange({.url = server.url()});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 302);
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(HttpClientTest, EndlessBodiesEndAtTheLimit) {
  std::atomic<std::uint64_t> sent = 0;
  Server server([&](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request) || !peer.send("HTTP/1.1 200 OK\r\n\r\n")) return;
    const std::string piece(64 * 1024, 'x');
    while (peer.send(piece)) sent += piece.size();
  });
  EXPECT_THAT(error_of({.url = server.url(), .max_body_bytes = 100'000}),
              HasSubstr("too_large: the response's body is longer than 100000 bytes"));
  EXPECT_LE(recorder.body.size(), 100'000U);
}

TEST_F(HttpClientTest, TheLimitIsExact) {
  Server server(Server::answering(
      [](const RawRequest&) { return response(200, {}, std::string(1000, 'x')); }));
  EXPECT_EQ(error_of({.url = server.url(), .max_body_bytes = 1000}), "status 200");
  EXPECT_THAT(error_of({.url = server.url(), .max_body_bytes = 999}), HasSubstr("too_large"));
}

// `bytes` zero bytes as a gzip member (RFC 1952, RFC 1951 with the fixed codes), without its
// checksum: 158 times smaller.
std::string zeros_in_gzip(std::uint64_t bytes) {
  std::string stream("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  unsigned pending = 0;
  int pending_bits = 0;
  const auto put = [&](unsigned bits, int count) {  // the lowest bit first
    pending |= bits << pending_bits;
    for (pending_bits += count; pending_bits >= 8; pending_bits -= 8, pending >>= 8)
      stream += static_cast<char>(pending & 0xff);
  };
  put(0b011, 3);       // the last block, fixed codes
  put(0b00001100, 8);  // literal 0
  for (std::uint64_t done = 1; done < bytes; done += 258) {
    put(0b10100011, 8);  // length 258
    put(0b00000, 5);     // distance 1
  }
  put(0, 7);  // end of block
  put(0, 7);
  return stream;
}

TEST_F(HttpClientTest, DecompressionIsBounded) {
  Server server(Server::answering([](const RawRequest&) {
    return response(200, {"Content-Encoding: gzip"}, zeros_in_gzip(200'000'000));
  }));
  EXPECT_THAT(error_of({.url = server.url(), .max_body_bytes = 1'000'000}), HasSubstr("too_large"));
  EXPECT_LE(recorder.body.size(), 1'000'000U);
}

TEST_F(HttpClientTest, StackedEncodingsAreBounded) {
  Server server(Server::answering([](const RawRequest&) {
    return response(200,
                    {"Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, "
                     "gzip, gzip, gzip"},
                    zeros_in_gzip(10'000));
  }));
  EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: "));
}

TEST_F(HttpClientTest, CompressedBodiesAreDecompressed) {
  std::string head;
  // "hello" stored in a gzip member, with its checksum 0x3610a686.
  const std::string body(
      "\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x05\0\xfa\xffhello\x86\xa6\x10\x36\x05\0\0\0", 28);
  Server server(Server::answering([&](const RawRequest& request) {
    head = request.head;
    return response(200, {"Content-Encoding: gzip"}, body);
  }));
  EXPECT_EQ(error_of({.url = server.url()}), "status 200");
  EXPECT_EQ(recorder.body, "hello");
  EXPECT_THAT(head, HasSubstr("Accept-Encoding: deflate, gzip"));
}

TEST_F(HttpClientTest, HeadersWithoutEndAreRefused) {
  const auto endless = [](std::string first, std::string again) {
    return [first = std::move(first), again = std::move(again)](Peer& peer) {
      RawRequest request;
      if (!peer.receive(request) || !peer.send(first)) return;
      while (peer.send(again)) {
      }
    };
  };
  for (const auto& [first, again] : std::vector<std::pair<std::string, std::string>>{
           {"HTTP/1.1 200 OK\r\n", "X-Header: value\r\n"},
           {"", "HTTP/1.1 103 Early\r\n\r\n"},
           {"HTTP/1.1 200 OK\r\nX-Long: ", std::string(64 * 1024, 'x')}}) {
    Server server(endless(first, again));
    EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("too_large: the response's headers"))
        << first;
  }
}

TEST_F(HttpClientTest, TrailersAreNotHeaders) {
  Server server(Server::answering([](const RawRequest&) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nLocation: "
           "http://evil.example/\r\n\r\n";
  }));
  const auto head = exchange({.url = server.url()});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(recorder.body, "hello");
  EXPECT_EQ(head->headers.size(), 1U);
}

TEST_F(HttpClientTest, SlowAnswersEndAtTheDeadline) {
  const std::vector<Server::Script> scripts = {
      [](Peer& peer) {  // says nothing
        while (peer.pause(50ms)) {
        }
      },
      [](Peer& peer) {  // headers, one byte at a time
        RawRequest request;
        peer.receive(request);
        while (peer.send("H") && peer.pause(50ms)) {
        }
      },
      [](Peer& peer) {  // a body, one byte at a time
        RawRequest request;
        if (!peer.receive(request) ||
            !peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"))
          return;
        while (peer.send("x") && peer.pause(50ms)) {
        }
      },
      [](Peer& peer) {  // informational responses now and then
        RawRequest request;
        if (!peer.receive(request)) return;
        while (peer.send("HTTP/1.1 103 Early Hints\r\n\r\n") && peer.pause(50ms)) {
        }
      },
  };
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    Server server(scripts[i]);
    const auto begin = std::chrono::steady_clock::now();
    const auto head = exchange({.url = server.url(), .time = 400ms});
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_FALSE(head) << i;
    EXPECT_TRUE(head.error().kind == ErrorKind::timeout ||
                (i == 1 && head.error().kind == ErrorKind::io))
        << i << head.error().message;
    EXPECT_LT(took, 5s) << i;
  }
}

TEST_F(HttpClientTest, AStopEndsTheWait) {
  std::promise<void> arrived;
  Server server([&](Peer& peer) {
    RawRequest request;
    peer.receive(request);
    arrived.set_value();
    while (peer.pause(50ms)) {
    }
  });
  std::stop_source source;
  std::jthread stopper([&] {
    arrived.get_future().wait();
    source.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(error_of({.url = server.url(), .time = 60s, .stop = source.get_token()}),
              HasSubstr("cancelled"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST_F(HttpClientTest, AStopBeforeTheStartSendsNothing) {
  Server server(Server::answering([](const RawRequest&) { return response(200); }));
  std::stop_source source;
  source.request_stop();
  const std::string answer = error_of({.url = server.url(), .stop = source.get_token()});
  EXPECT_THAT(answer, HasSubstr("cancelled"));
  EXPECT_THAT(error_of({.url = server.url(), .time = -1ms}), HasSubstr("timeout"));
  // The client still works.
  EXPECT_EQ(error_of({.url = server.url()}), "status 200");
}

TEST_F(HttpClientTest, TheHandlerMayEndTheBody) {
  Server server([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request) || !peer.send("HTTP/1.1 200 OK\r\n\r\n")) return;
    while (peer.send(std::string(1000, 'x'))) {
    }
  });
  recorder.enough_bytes = 10'000;
  const auto head = exchange({.url = server.url()});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 200);
}

TEST_F(HttpClientTest, WhatAHandlerThrowsBecomesAnError) {
  class Thrower : public Recorder {
   public:
    Expected<ReadOn> on_body(const HttpHead&, std::string_view) override {
      throw std::runtime_error("bad\nluck");
    }
  };
  Server server(Server::answering([](const RawRequest&) { return response(200, {}, "x"); }));
  Thrower thrower;
  const auto target = policy::canonicalise_url(server.url());
  const auto head = client->exchange(
      HttpExchange{*target, "GET", {}, {}, 100, std::chrono::steady_clock::now() + 10s, {}},
      thrower);
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().kind, ErrorKind::internal);
  EXPECT_THAT(head.error().message, HasSubstr("bad\\nluck"));
}

TEST_F(HttpClientTest, WhatIsNoHttpIsAnError) {
  for (const char* bytes :
       {"", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/0.9\r\n\r\n", "<html>HTTP/0.9 body</html>",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"}) {
    Server server([bytes](Peer& peer) {
      RawRequest request;
      if (peer.receive(request)) peer.send(bytes);
    });
    EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: ")) << bytes;
  }
}

TEST_F(HttpClientTest, AResetAtAnyStageIsAnErrorAndTheNextFetchWorks) {
  Server good{Server::answering([](const RawRequest&) { return response(200, {}, "whole"); })};
  for (const char* before :
       {"", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end"}) {
    Server server([before](Peer& peer) {
      RawRequest request;
      if (!peer.receive(request)) return;
      peer.send(before);
      peer.pause(50ms);
      peer.reset();
    });
    EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: ")) << before;
    recorder.body.clear();
    const auto next = exchange({.url = good.url()});
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(recorder.body, "whole");
    recorder.body.clear();
  }
  Server at_once([](Peer& peer) { peer.reset(); });
  EXPECT_THAT(error_of({.url = at_once.url()}), HasSubstr("io: "));
}

TEST_F(HttpClientTest, WithoutADescriptorNothingIsSentAndTheNextFetchWorks) {
  if (!linux_::can_be_without_descriptors) {
    GTEST_SKIP() << "the sanitizer needs descriptors itself, to look at memory";
  }
  Server server{Server::answering([](const RawRequest&) { return response(200); })};
  const auto before = linux_::open_descriptors();
  {
    const linux_::ScarceDescriptors scarce(0);
    EXPECT_THAT(error_of({.url = server.url()}), HasSubstr("io: "));
  }
  EXPECT_EQ(server.connections(), 0);
  EXPECT_EQ(linux_::open_descriptors(), before);
  EXPECT_TRUE(exchange({.url = server.url()}));
}

TEST_F(HttpClientTest, TlsIsRequiredWhereHttpsIsAsked) {
  Server server([](Peer& peer) { peer.send(response(200)); });
  EXPECT_THAT(error_of({.url = "https://" + server.host_and_port() + "/"}), HasSubstr("io: "));
}

TEST_F(HttpClientTest, ConnectionsThatFailSayWhy) {
  std::uint16_t closed_port = 0;
  {
    closed_port = Server([](Peer&) {}).port();
  }
  EXPECT_THAT(error_of({.url = "http://127.0.0.1:" + std::to_string(closed_port) + "/"}),
              HasSubstr("io: Failed to connect"));
}

TEST(HttpClientPool, KeepsClients) {
  HttpClientPool pool;
  auto first = pool.take();
  ASSERT_TRUE(first);
  const HttpClient* address = first->get();
  pool.give_back(*std::move(first));
  EXPECT_EQ(pool.take()->get(), address);
}

}  // namespace
}  // namespace omnisandbox::egress
