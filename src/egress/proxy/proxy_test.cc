#include "egress/proxy/proxy.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/limits.h"
#include "egress/proxy/proxy_test_client.h"
#include "linux/test_scarce_descriptors.h"

namespace omnisandbox::egress {
namespace {

using test::hello_for;
using test::Peer;
using test::RawClient;
using test::RawRequest;
using test::response;
using test::Server;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::string_literals;

class HttpProxy : public test::ProxyTest {
 protected:
  /// Answers every request with what it was.
  static std::string echo(const RawRequest& request) {
    return response(200, {"X-Kept: yes", "Connection: x-gone", "X-Gone: no", "Proxy-Secret: no"},
                    request.head + "\n" + request.body);
  }
  Server server_{Server::answering(echo)};
};

TEST_F(HttpProxy, PassesOnWhatIsAllowed) {
  start({server_.host_and_port()});
  const std::string text =
      answer("GET " + server_.url("/a/../b?q=1") + " HTTP/1.1\r\nHost: " + server_.host_and_port() +
             "\r\nAccept: x\r\nProxy-Connection: close\r\nProxy-Authorization: "
             "Basic c2VjcmV0\r\nConnection: close, X-Hop\r\nX-Hop: no\r\n\r\n");
  EXPECT_THAT(text, AllOf(StartsWith("HTTP/1.1 200 X\r\n"), HasSubstr("X-Kept: yes\r\n"),
                          HasSubstr("Connection: close\r\n")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("X-Gone")), Not(HasSubstr("Proxy-Secret"))));
  EXPECT_THAT(text, HasSubstr("\r\n\r\nGET /b?q=1 HTTP/1.1\r\nHost: " + server_.host_and_port() +
                              "\r\nAccept: x\r\nConnection: close\r\n"));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("X-Hop")), Not(HasSubstr("c2VjcmV0"))));
  const ProxyReport report = proxy_->stop();
  EXPECT_EQ(report.denial_count, 0U);
  ASSERT_EQ(records().size(), 1U);
  EXPECT_TRUE(records()[0].granted);
  EXPECT_EQ(records()[0].operation, "proxy.request");
  EXPECT_EQ(records()[0].run_id, "run-1");
  EXPECT_EQ(records()[0].rule, "allowed_hosts[0] \"" + server_.host_and_port() + "\"");
}

TEST_F(HttpProxy, RefusesWithRuleReasonAndRemedy) {
  Server other{Server::answering(echo)};
  start({server_.host_and_port()});
  const std::string text = get(other.url("/secret"));
  EXPECT_THAT(text, AllOf(StartsWith("HTTP/1.1 403 Forbidden (denied by policy: "),
                          HasSubstr("Content-Type: text/plain"), HasSubstr("reason: "),
                          HasSubstr("rule: allowed_hosts[0]"),
                          HasSubstr("to allow it: allowed_hosts: [\"http://127.0.0.1:")));
  EXPECT_EQ(other.connections(), 0);
  const ProxyReport report = proxy_->stop();
  ASSERT_EQ(report.denials.size(), 1U);
  EXPECT_EQ(report.denials[0].resource, other.url("/secret"));
  ASSERT_EQ(records().size(), 1U);
  EXPECT_FALSE(records()[0].granted);
}

TEST_F(HttpProxy, JudgesEachRequestOfAConnection) {
  start({HostRule("http://" + server_.host_and_port() + "/open/")});
  RawClient one = client();
  const auto request = [&](const std::string& path) {
    return "GET " + server_.url(path) + " HTTP/1.1\r\nHost: " + server_.host_and_port() +
           "\r\n\r\n";
  };
  // All at once: they are answered one after the other, and the connection ends with the refusal.
  one.send(request("/open/1") + request("/open/2") + request("/closed") + request("/open/3"));
  const std::string text = one.receive_all();
  EXPECT_THAT(text, AllOf(HasSubstr("GET /open/1 "), HasSubstr("GET /open/2 "), HasSubstr(" 403 "),
                          Not(HasSubstr("GET /closed ")), Not(HasSubstr("GET /open/3 "))));
  EXPECT_EQ(server_.connections(), 2);
}

TEST_F(HttpProxy, BodiesGoBothWays) {
  start({server_.host_and_port()});
  const std::string body(300'000, 'b');
  const std::string head = "POST " + server_.url() +
                           " HTTP/1.1\r\nHost: " + server_.host_and_port() +
                           "\r\nConnection: close\r\n";
  EXPECT_THAT(answer(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body),
              EndsWith("\n" + body));
  RawClient waits = client();
  waits.send(head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(waits.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  waits.send("hello");
  EXPECT_THAT(waits.receive_all(), AllOf(EndsWith("\nhello"), Not(HasSubstr("Expect"))));
}

TEST_F(HttpProxy, ChunksAreFramedAnew) {
  Server chunked([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request)) return;
    peer.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4;ext=1\r\nab"
        "cd\r\n");
    peer.send("3\r\nefg\r\n0\r\nX-T: 1\r\n\r\n");
  });
  start({chunked.host_and_port()});
  const std::string text = get(chunked.url());
  EXPECT_THAT(text, AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"), EndsWith("0\r\n\r\n"),
                          HasSubstr("efg"), Not(HasSubstr("ext=1")), Not(HasSubstr("X-T"))));
  // A client of HTTP/1.0 knows no chunks.
  EXPECT_THAT(answer("GET " + chunked.url() + " HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nabcdefg"));
}

TEST_F(HttpProxy, RequestChunksAreFramedAnew) {
  std::mutex mutex;
  std::string seen;
  Server raw([&](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request)) return;
    peer.pause(std::chrono::milliseconds(300));  // the body follows the head
    const std::lock_guard lock(mutex);
    seen = request.head;
    peer.send(response(200, {}, "ok"));
  });
  start({raw.host_and_port()});
  const std::string text =
      answer("POST " + raw.url() + " HTTP/1.1\r\nHost: " + raw.host_and_port() +
             "\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5;x=y\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_THAT(text, EndsWith("ok"));
  EXPECT_THAT(seen,
              AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"), Not(HasSubstr("Content-Length"))));
}

TEST_F(HttpProxy, HeadAndBodilessAnswersEnd) {
  Server statuses{Server::answering([](const RawRequest& request) {
    if (request.method == "HEAD") return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"s;
    if (request.target == "/304") return "HTTP/1.1 304 N\r\nContent-Length: 77\r\n\r\n"s;
    return "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"s;
  })};
  start({statuses.host_and_port()});
  RawClient one = client();
  for (const std::string& line :
       {"HEAD "s + statuses.url(), "GET " + statuses.url("/304"), "GET " + statuses.url("/204")}) {
    one.send(line + " HTTP/1.1\r\nHost: " + statuses.host_and_port() + "\r\n\r\n");
  }
  EXPECT_THAT(one.receive_until("\r\n\r\n"), HasSubstr("Content-Length: 1000"));
  EXPECT_THAT(one.receive_until("\r\n\r\n"), HasSubstr(" 304 "));
  EXPECT_THAT(one.receive_until("\r\n\r\n"), AllOf(HasSubstr(" 204 "), Not(HasSubstr("Link"))));
  one.finish_sending();
  EXPECT_EQ(one.receive_all(), "");
}

TEST_F(HttpProxy, AHalfAnswerIsNoAnswer) {
  Server half([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request)) return;
    if (request.target == "/length") {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    } else if (request.target == "/chunk") {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf");
    } else if (request.target == "/head") {
      peer.send("HTTP/1.1 200 OK\r\nContent-");
    } else if (request.target == "/both") {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc");
    } else if (request.target == "/switch") {
      peer.send("HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n");
    } else if (request.target == "/endless") {
      while (peer.send("HTTP/1.1 103 E\r\n\r\n")) {
      }
    } else if (request.target == "/headers") {
      peer.send("HTTP/1.1 200 OK\r\n");
      while (peer.send("X-Filler: " + std::string(1000, 'x') + "\r\n")) {
      }
    } else {
      peer.send("SSH-2.0\r\n");
    }
  });
  start({half.host_and_port()});
  for (const char* path : {"/length", "/chunk"}) {
    RawClient one = client();
    one.send("GET " + half.url(path) + " HTTP/1.1\r\nHost: " + half.host_and_port() + "\r\n\r\n");
    EXPECT_THAT(one.receive_all(),
                AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("\r\n0\r\n\r\n"))))
        << path;
    EXPECT_TRUE(one.was_reset()) << path;
  }
  for (const char* path : {"/head", "/both", "/switch", "/endless", "/headers", "/other"})
    EXPECT_THAT(get(half.url(path)), StartsWith("HTTP/1.1 502 ")) << path;
}

TEST_F(HttpProxy, AResetOfTheServerIsToldAtAnyStageAndTheNextRequestWorks) {
  Server resets([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request)) return;
    if (request.target == "/head") {
      peer.send("HTTP/1.1 200 OK\r\nContent-");
    } else if (request.target == "/length") {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    } else if (request.target == "/chunk") {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf");
    } else if (request.target == "/end") {
      peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    }
    peer.pause(std::chrono::milliseconds(50));
    peer.reset();
  });
  start({resets.host_and_port(), server_.host_and_port()});
  for (const char* path : {"/request", "/head"}) {
    EXPECT_THAT(get(resets.url(path)), StartsWith("HTTP/1.1 502 ")) << path;
  }
  for (const char* path : {"/length", "/chunk", "/end"}) {
    RawClient one = client();
    one.send("GET " + resets.url(path) + " HTTP/1.1\r\nHost: " + resets.host_and_port() +
             "\r\n\r\n");
    EXPECT_THAT(one.receive_all(),
                AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("\r\n0\r\n\r\n"))))
        << path;
    EXPECT_TRUE(one.was_reset()) << path << ": half an answer looks like a whole one";
  }
  EXPECT_THAT(get(server_.url()), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpProxy, AmbiguousRequestsReachNobody) {
  start({server_.host_and_port()});
  const std::string line = "POST " + server_.url() + " HTTP/1.1\r\n";
  const std::string host = "Host: " + server_.host_and_port() + "\r\n";
  const std::string hidden = "GET /hidden HTTP/1.1\r\n\r\n";
  for (const std::string& bytes : {
           line + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
               hidden,
           line + host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" +
               hidden,
           line + host + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n" + hidden,
           line + host + "Content-Length: 4\r\nContent-Length: 4\r\n\r\n" + hidden,
           line + host + "Content-Length: 4, 4\r\n\r\n" + hidden,
           line + host + "Content-Length: -1\r\n\r\n" + hidden,
           line + host + "Content-Length: 99999999999999999999999\r\n\r\n" + hidden,
           line + host + "Transfer-Encoding: chunked, identity\r\n\r\n" + hidden,
           line + host + "Transfer-Encoding: xchunked\r\n\r\n" + hidden,
           line + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
           line + host + "Transfer-Encoding:\x0b chunked\r\n\r\n0\r\n\r\n" + hidden,
           line + host + " Transfer-Encoding: chunked\r\n\r\n" + hidden,
           line + host + "X: a\rb\r\n\r\n" + hidden,
           line + host + "X: a\0b\r\n\r\n"s + hidden,
           line + host + "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
           line + host + "Content-Length: 4\nX: y\n\n" + hidden,
           line + host + host + "\r\n",
           "GET http://" + server_.host_and_port() + "/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
           "GET http://" + server_.host_and_port() + "/\x01 HTTP/1.1\r\n" + host + "\r\n",
           "GET http://" + server_.host_and_port() + "/ HTTP/2.0\r\n" + host + "\r\n",
           "GET http://" + server_.host_and_port() + "/ HTTP/0.9\r\n\r\n",
           "GET http://" + server_.host_and_port() + "/\r\n\r\n",
           "GET http://user:pw@" + server_.host_and_port() + "/ HTTP/1.1\r\n" + host + "\r\n",
           "POST " + server_.url() + " HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
       }) {
    const std::string text = answer(bytes);
    EXPECT_THAT(text, testing::AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 403 ")))
        << testing::PrintToString(bytes);
  }
  EXPECT_EQ(server_.connections(), 0);
}

TEST_F(HttpProxy, ABodyIsNeverTheNextRequest) {
  start({server_.host_and_port()});
  const std::string hidden = "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  const std::string text =
      answer("POST " + server_.url() + " HTTP/1.1\r\nHost: " + server_.host_and_port() +
             "\r\nConnection: close\r\nContent-Length: " + std::to_string(hidden.size()) +
             "\r\n\r\n" + hidden);
  EXPECT_THAT(text, EndsWith("\n" + hidden));
  EXPECT_EQ(proxy_->stop().denial_count, 0U);
}

TEST_F(HttpProxy, HeadsAreBounded) {
  start({server_.host_and_port()});
  const std::string line =
      "GET " + server_.url() + " HTTP/1.1\r\nHost: " + server_.host_and_port() + "\r\n";
  EXPECT_THAT(answer(line + "X: " + std::string(2 * max_head_bytes, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  std::string many = line;
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_THAT(answer(many + "\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get(server_.url("/" + std::string(9000, 'p'))), StartsWith("HTTP/1.1 400 "));
  RawClient endless = client();
  while (endless.send(std::string(100'000, 'x'))) {
  }
  EXPECT_EQ(server_.connections(), 0);
  EXPECT_THAT(get(server_.url()), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpProxy, NamesAreLookedUp) {
  Server elsewhere{Server::answering(echo)};
  const std::string port = std::to_string(elsewhere.port());
  // The same place under another name is another host.
  start({"localhost:" + port});
  EXPECT_THAT(get("http://localhost:" + port + "/"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("http://127.0.0.1:" + port + "/"), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(elsewhere.connections(), 1);
}

TEST_F(HttpProxy, ResponsesAreAsLongAsThePolicySays) {
  Server long_ones{Server::answering([](const RawRequest& request) {
    if (request.target == "/fits") return response(200, {}, std::string(1000, 'x'));
    if (request.target == "/long") return response(200, {}, std::string(1001, 'x'));
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'x') +
           "\r\n400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n";
  })};
  start(Config{.allowed_hosts = {long_ones.host_and_port()}, .max_response_bytes = 1000});
  EXPECT_THAT(get(long_ones.url("/fits")), EndsWith(std::string(1000, 'x')));
  EXPECT_THAT(get(long_ones.url("/long")),
              AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("max_response_bytes")));
  EXPECT_THAT(get(long_ones.url("/chunked")), Not(EndsWith("0\r\n\r\n")));
  EXPECT_EQ(proxy_->stop().denial_count, 2U);
}

TEST_F(HttpProxy, WithoutAWordResponsesAreNotKeptShort) {
  const std::string body(3 * 1024 * 1024, 'x');  // more than the default of max_response_bytes
  Server large{Server::answering([&](const RawRequest&) { return response(200, {}, body); })};
  start({large.host_and_port()});
  EXPECT_THAT(get(large.url()).size(), testing::Gt(body.size()));
}

TEST_F(HttpProxy, RequestsAreCounted) {
  start(Config{.allowed_hosts = {server_.host_and_port()}, .max_host_calls = 2});
  EXPECT_THAT(get(server_.url()), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get(server_.url()), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get(server_.url()), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("max_host_calls")));
}

TEST_F(HttpProxy, AServerThatIsNotThereIsABadGateway) {
  auto [closed, port] = test::listen_on_loopback();
  closed.reset();
  const std::string authority = "127.0.0.1:" + std::to_string(port);
  start({authority});
  EXPECT_THAT(get("http://" + authority + "/"), StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(answer("CONNECT " + authority + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 502 "));
  EXPECT_EQ(proxy_->stop().denial_count, 0U);
}

TEST_F(HttpProxy, TenThousandConnectionsWaitTheirTurn) {
  start({server_.host_and_port()});
  std::vector<RawClient> silent;
  for (std::size_t i = 0; i < max_connections_per_run; ++i) silent.push_back(client());
  // Those who come later are connected by the kernel and not served; nothing else is used up.
  RawClient late = client();
  late.send("GET " + server_.url() + " HTTP/1.1\r\nConnection: close\r\n\r\n");
  silent.clear();
  EXPECT_THAT(late.receive_all(), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 10'000; ++i) {
    RawClient one = client();
    if (i % 2 == 0) one.send("GET http://");
  }
  EXPECT_THAT(get(server_.url()), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpProxy, IdleConnectionsMakeRoom) {
  start({server_.host_and_port()});
  std::vector<RawClient> kept;
  for (std::size_t i = 0; i < 2 * max_connections_per_run; ++i) {
    kept.push_back(client());
    kept.back().send("HEAD " + server_.url() + " HTTP/1.1\r\n\r\n");
    EXPECT_THAT(kept.back().receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpProxy, NothingIsAnsweredAfterTheDeadline) {
  Server silent([](Peer& peer) {
    RawRequest request;
    peer.receive(request);
    peer.pause(std::chrono::seconds(60));
  });
  start(Config{.allowed_hosts = {silent.host_and_port()}}, std::chrono::milliseconds(300));
  RawClient one = client();
  one.send("GET " + silent.url() + " HTTP/1.1\r\n\r\n");
  pollfd waiting{one.handle(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 1'000), 0);
  RawClient after = client();
  after.send("GET " + silent.url() + " HTTP/1.1\r\n\r\n");
  waiting.fd = after.handle();
  EXPECT_EQ(::poll(&waiting, 1, 300), 0);
  proxy_.reset();
  EXPECT_EQ(one.receive_all(), "");
}

TEST_F(HttpProxy, WithoutDescriptorsItIsNotStartedOrWhoComesWaits) {
  if (!linux_::can_be_without_descriptors) {
    GTEST_SKIP() << "the sanitizer needs descriptors itself, to look at memory";
  }
  start({server_.host_and_port()});
  const std::string url = server_.url();
  RawClient early = client();
  early.send("HEAD " + url + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(early.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  {
    // One for the client below; none for the proxy to take it, or to reach the server.
    std::optional<RawClient> late;
    const linux_::ScarceDescriptors scarce(1);
    late.emplace(client());
    ASSERT_TRUE(late->is_connected());
    late->send("GET " + url + " HTTP/1.1\r\n\r\n");
    early.send("GET " + url + " HTTP/1.1\r\n\r\n");
    EXPECT_THAT(early.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 502 "));
    pollfd waiting{late->handle(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 300), 0);
  }
  EXPECT_THAT(get(url), StartsWith("HTTP/1.1 200 "));
  proxy_.reset();

  auto policy = Policy::compile(Config{.capabilities = {Capability::net_http}});
  ASSERT_TRUE(policy);
  const auto before = linux_::open_descriptors();
  std::size_t left = 0;
  for (bool worked = false; !worked; ++left) {
    ASSERT_LT(left, 50U);
    auto listener = test::listen_on_loopback().first;
    const linux_::ScarceDescriptors scarce(left);
    const auto proxy =
        Proxy::start(*policy, std::move(listener),
                     {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60)});
    worked = proxy.has_value();
    if (!worked) {
      EXPECT_THAT(proxy.error().message, HasSubstr("Too many open files"));
    }
  }
  EXPECT_GT(left, 2U);
  EXPECT_EQ(linux_::open_descriptors(), before);
}

TEST_F(HttpProxy, EndingLeavesNothingBehind) {
  const auto count = [](const char* folder) {
    std::size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      static_cast<void>(entry);
      ++entries;
    }
    return entries;
  };
  Server silent([](Peer& peer) {
    RawRequest request;
    peer.receive(request);
    peer.pause(std::chrono::seconds(60));
  });
  const std::size_t descriptors = count("/proc/self/fd");
  const std::size_t threads = count("/proc/self/task");
  for (int i = 0; i < 50; ++i) {
    start({silent.host_and_port(), "localhost:1"});
    RawClient half = client();
    half.send("GET ");
    RawClient none = client();
    proxy_.reset();
  }
  EXPECT_EQ(count("/proc/self/fd"), descriptors);
  // The kernel lists a thread a little longer than a join waits for it.
  for (int wait = 0; wait < 1000 && count("/proc/self/task") > threads; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(count("/proc/self/task"), threads);
  // In the middle of a request and of a tunnel, too.
  start({silent.host_and_port()});
  RawClient waits = client();
  waits.send("GET " + silent.url() + " HTTP/1.1\r\n\r\n");
  RawClient tunnel = client();
  tunnel.send("CONNECT " + silent.host_and_port() + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(tunnel.receive_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  proxy_.reset();
  EXPECT_EQ(waits.receive_all(), "");
  EXPECT_EQ(tunnel.receive_all(), "");
}

}  // namespace
}  // namespace omnisandbox::egress
