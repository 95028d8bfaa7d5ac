#include "host_functions/http_function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/test_sanitizer.h"
#include "egress/http_test_server.h"
#include "host_functions/http_test_run.h"
#include "policy/limits.h"

namespace omnisandbox::host_functions {
namespace {

using namespace std::chrono_literals;
using egress::test::Peer;
using egress::test::RawRequest;
using egress::test::response;
using egress::test::Server;
using test::HttpRun;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Server::Script says(std::string body) {
  return Server::answering(
      [body = std::move(body)](const RawRequest&) { return response(200, {}, body); });
}

TEST(HttpFetch, FetchesWhatTheRulesAllow) {
  Server server(Server::answering([](const RawRequest& request) {
    return response(201, {"X-Method: " + request.method}, request.target + " " + request.body);
  }));
  HttpRun run({server.host_and_port()});
  const auto answer =
      run.fetch({.url = "HTTP://127.1:" + std::to_string(server.port()) + "/a/../b?c#d",
                 .method = "post",
                 .headers = {{"X-A", "1"}},
                 .body = "body"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "/b?c body");
  EXPECT_EQ(answer->headers[0].name, "X-Method");
  EXPECT_EQ(answer->headers[0].value, "POST");
  EXPECT_EQ(answer->final_url, server.url("/b?c"));
  EXPECT_THAT(run.decisions(), ElementsAre("http_fetch yes"));
  EXPECT_EQ(run.records[0].rule, "allowed_hosts[0] \"" + server.host_and_port() + "\"");
  EXPECT_EQ(run.context->denial_count(), 0U);
}

TEST(HttpFetch, AnErrorStatusIsAnAnswer) {
  Server server(Server::answering([](const RawRequest&) { return response(503, {}, "busy"); }));
  EXPECT_EQ(HttpRun({server.host_and_port()}).answer(server.url()), "503 busy");
}

TEST(HttpFetch, DenialsHaveNoEffectAndAreRecordedOnce) {
  Server server(says("secret"));
  const std::string port = std::to_string(server.port());
  HttpRun run({"api.example.com", "localhost:1",
               HostRule("http://127.0.0.1:" + port + "/public", {"GET"})});
  const std::vector<std::pair<HttpRequest, std::string>> cases = {
      {{.url = server.url("/private")}, "allows only paths under /public"},
      {{.url = server.url("/public/%2e%2e/private")}, "allows only paths under /public"},
      {{.url = server.url("/public/..%2fprivate")}, "could read this path as another one"},
      {{.url = server.url("/public"), .method = "POST"}, "allows only GET, not POST"},
      {{.url = server.url("/public"), .method = "CONNECT"}, "CONNECT opens a tunnel"},
      {{.url = server.url("/public"), .method = "TRACE"}, "allows only GET, not TRACE"},
      {{.url = server.url("/public"), .headers = {{"X-HTTP-Method-Override", "delete"}}},
       "allows only GET, not DELETE"},
      {{.url = "https://127.0.0.1:" + port + "/public"}, "does not allow https on port"},
      {{.url = "http://localhost:" + port + "/public"}, "allows port 1, not " + port},
      {{.url = "http://[::1]:" + port + "/public"},
       "no rule lists the address ::1, a loopback address"},
      {{.url = "http://[::127.0.0.1]:" + port + "/public"}, "an IPv4-compatible address"},
      {{.url = "http://127.0.0.1:1/public"}, "not 1"},
      {{.url = "http://evil.example/?127.0.0.1:" + port}, "no rule names the host evil.example"},
      {{.url = "http://api.example.com.evil.example/"}, "no rule names the host"},
      {{.url = "http://127.0.0.1:" + port + "@evil.example/"}, "user info"},
      {{.url = "http://api.example.com@127.0.0.1:" + port + "/public"}, "user info"},
      {{.url = "file:///etc/passwd"}, "only https and http"},
      {{.url = "gopher://127.0.0.1:" + port + "/_x"}, "only https and http"},
  };
  for (const auto& [request, reason] : cases) {
    const std::size_t before = run.records.size();
    const auto answer = run.fetch(request);
    ASSERT_FALSE(answer) << request.url;
    EXPECT_EQ(answer.error().kind, ErrorKind::denied) << answer.error().message;
    ASSERT_TRUE(answer.error().denial) << request.url;
    EXPECT_EQ(answer.error().denial->resource, request.url);
    EXPECT_EQ(answer.error().denial->capability, Capability::net_http);
    EXPECT_THAT(answer.error().denial->reason, HasSubstr(reason)) << request.url;
    ASSERT_EQ(run.records.size(), before + 1) << request.url;
    EXPECT_FALSE(run.records.back().granted);
    EXPECT_EQ(run.records.back().operation, "http_fetch");
  }
  EXPECT_EQ(run.context->denial_count(), cases.size());
  EXPECT_EQ(server.connections(), 0);
  EXPECT_EQ(run.answer(server.url("/public")), "200 secret");
}

TEST(HttpFetch, WithoutTheCapabilityNothingIsFetched) {
  Server server(says("x"));
  HttpRun run(Config{.allowed_hosts = {server.host_and_port(), "*"}});
  EXPECT_THAT(run.answer(server.url()), HasSubstr("the capability net_http is not granted"));
  EXPECT_EQ(server.connections(), 0);
}

TEST(HttpFetch, EveryLayerOfANarrowedPolicyMustAgree) {
  Server server(says("x"));
  const auto base =
      Policy::compile(Config{.capabilities = {Capability::net_http},
                             .allowed_hosts = {server.host_and_port() + "/a",
                                               "localhost:" + std::to_string(server.port())}});
  ASSERT_TRUE(base);
  const auto narrow = base->narrow(
      Config{.capabilities = {Capability::net_http}, .allowed_hosts = {server.host_and_port()}});
  ASSERT_TRUE(narrow) << narrow.error().message;
  auto context = RunContext::create(*narrow, {});
  ASSERT_TRUE(context);
  EXPECT_TRUE(fetch(**context, {.url = server.url("/a/x")}));
  EXPECT_EQ(fetch(**context, {.url = server.url("/b")}).error().kind, ErrorKind::denied);
  EXPECT_EQ(fetch(**context, {.url = "http://localhost:" + std::to_string(server.port()) + "/"})
                .error()
                .kind,
            ErrorKind::denied);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpFetch, LocalhostIsReachedByItsName) {
  Server server(says("here"));
  const std::string port = std::to_string(server.port());
  HttpRun run({"localhost:" + port});
  EXPECT_EQ(run.answer("http://localhost:" + port + "/"), "200 here");
  EXPECT_EQ(run.answer("http://LocalHost.:" + port + "/"), "200 here");
  EXPECT_THAT(run.answer("http://127.0.0.1:" + port + "/"), StartsWith("denied"));
  HttpRun star({"*:1-65535"});
  EXPECT_THAT(star.answer("http://localhost:" + port + "/"), StartsWith("denied"));
  EXPECT_THAT(star.answer("http://127.0.0.1:" + port + "/"), StartsWith("denied"));
}

TEST(HttpFetch, BadRequestsAreRefusedUnsent) {
  Server server(says("x"));
  HttpRun run({server.host_and_port()});
  const std::vector<HttpRequest> requests = {
      {.url = server.url() + "\r\nX: y"},
      {.url = ""},
      {.url = server.url("/%zz")},
      {.url = "http://127.0.0.1\\@evil.example/"},
      {.url = server.url(), .method = ""},
      {.url = server.url(), .method = "GET /x HTTP/1.1\r\nX:"},
      {.url = server.url(), .headers = {{"X", "a\r\nHost: evil.example"}}},
      {.url = server.url(), .headers = {{"X\r\nY", "a"}}},
      {.url = server.url(), .headers = {{"Host", "evil.example"}}},
      {.url = server.url(), .headers = {{"content-length", "5"}}},
      {.url = server.url(), .headers = {{"Transfer-Encoding", "chunked"}}},
      {.url = server.url(), .headers = {{"Proxy-Authorization", "x"}}},
      {.url = server.url(), .headers = {{"Connection", "close"}}},
      {.url = server.url(), .headers = {{"Upgrade", "h2c"}}},
      {.url = server.url(), .headers = {{"X-HTTP-Method-Override", "a b"}}},
      {.url = server.url(), .method = "HEAD", .body = "x"},
      {.url = server.url(), .max_redirects = 51},
      {.url = server.url(), .headers = std::vector<HttpHeader>(101, {"a", "b"})}};
  for (const HttpRequest& request : requests) {
    EXPECT_THAT(run.answer(request), StartsWith("invalid_argument: "))
        << request.url << request.method;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(HttpFetch, ABodyLargerThanAnyBufferIsNotSent) {
  if (omnisandbox::test::has_shadow_memory) {
    GTEST_SKIP() << "needs more memory than a sanitizer leaves";
  }
  HttpRun run({std::string("127.0.0.1:1")});
  HttpRequest request{.url = "http://127.0.0.1:1/", .method = "POST"};
  request.body.resize(policy::max_buffer_bytes + 1);
  EXPECT_THAT(run.answer(request), StartsWith("too_large: the request's body is longer than"));
  EXPECT_TRUE(run.records.empty()) << "nothing was judged";
}

class Redirects : public ::testing::Test {
 protected:
  // Answers /to?STATUS:LOCATION with that redirect, and everything else with what it received.
  static Server::Script redirecting(std::vector<RawRequest>* received = nullptr) {
    return Server::answering([received](const RawRequest& request) {
      if (received != nullptr) received->push_back(request);
      constexpr std::string_view prefix = "/to?";
      if (!request.target.starts_with(prefix))
        return response(200, {}, request.method + " " + request.target + " " + request.body);
      const std::string status = request.target.substr(prefix.size(), 3);
      return response(std::stoi(status), {"Location: " + request.target.substr(prefix.size() + 4)},
                      "redirect body");
    });
  }
};

TEST_F(Redirects, AreFollowedWithinTheRules) {
  Server first(redirecting());
  Server second(redirecting());
  HttpRun run({first.host_and_port(), second.host_and_port()});
  const auto answer = run.fetch({.url = first.url("/to?302:" + second.url("/x"))});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "GET /x ");
  EXPECT_EQ(answer->final_url, second.url("/x"));
  EXPECT_THAT(run.decisions(), ElementsAre("http_fetch yes", "http_fetch.redirect yes"));
  EXPECT_EQ(run.records[1].resource, second.url("/x"));
  EXPECT_EQ(run.answer(first.url("/to?301:/y?z")), "200 GET /y?z ");
  EXPECT_EQ(run.answer(first.url("/a/to/../../to?307:b")), "200 GET /b ");
  EXPECT_EQ(run.answer(first.url("/to?308:/to?303:/end")), "200 GET /end ");
  EXPECT_EQ(first.connections(), 1);
}

TEST_F(Redirects, ToWhatTheRulesDoNotAllowAreDenied) {
  std::string current_location;
  Server first(Server::answering(
      [&](const RawRequest&) { return response(302, {"Location: " + current_location}); }));
  Server second(redirecting());
  const std::string second_port = std::to_string(second.port());
  HttpRun run({first.url(), "evil.example.org"});
  for (const std::string& location :
       {second.url(), "//127.0.0.1:" + second_port + "/", "http://2130706433:" + second_port + "/",
        "http://localhost:" + second_port + "/", "http://[::ffff:127.0.0.1]:" + second_port + "/",
        "https://127.0.0.1:" + std::to_string(first.port()) + "/", std::string("http://127.0.0.1/"),
        std::string("http://169.254.169.254/latest/meta-data/"), std::string("file:///etc/passwd"),
        std::string("gopher://127.0.0.1:6379/_FLUSHALL"), std::string("ftp://127.0.0.1/"),
        std::string("javascript:alert(1)"), "http://x@" + first.host_and_port() + "/",
        "HTTP://EVIL.EXAMPLE:" + second_port + "/"}) {
    const std::size_t before = run.records.size();
    current_location = location;
    const auto answer = run.fetch({.url = first.url()});
    ASSERT_FALSE(answer) << location;
    EXPECT_EQ(answer.error().kind, ErrorKind::denied) << location << ": " << answer.error().message;
    EXPECT_THAT(answer.error().message, HasSubstr("after a redirect from http://127.0.0.1:"))
        << location;
    ASSERT_EQ(run.records.size(), before + 2);
    EXPECT_EQ(run.records.back().operation, "http_fetch.redirect");
    EXPECT_FALSE(run.records.back().granted);
  }
  EXPECT_EQ(second.connections(), 0);
}

TEST_F(Redirects, ToNoUrlAreErrors) {
  for (const char* location :
       {"http://", "http://a..b/", "/%zz", "http://[::1", "\\\\evil.example\\", "http://a:99999/",
        "/a\tb", "http:evil.example"}) {
    Server server(Server::answering([location](const RawRequest&) {
      return response(302, {std::string("Location: ") + location});
    }));
    HttpRun other({server.host_and_port()});
    EXPECT_THAT(other.answer(server.url()),
                StartsWith("io: GET " + server.url() +
                           ": the server redirects to a place that cannot be used"))
        << location;
  }
}

TEST_F(Redirects, RulesOnPathsAndMethodsHoldAtEachHop) {
  std::vector<RawRequest> received;
  Server server(redirecting(&received));
  HttpRun run({HostRule(server.host_and_port() + "/to", {"POST"}),
               HostRule(server.host_and_port() + "/form", {"POST"}),
               HostRule(server.host_and_port() + "/get", {"GET"})});
  EXPECT_EQ(run.answer({.url = server.url("/to?307:/form"), .method = "POST", .body = "x"}),
            "200 POST /form x");
  EXPECT_EQ(run.answer({.url = server.url("/to?303:/get"), .method = "POST", .body = "x"}),
            "200 GET /get ");
  EXPECT_THAT(run.answer({.url = server.url("/to?303:/form"), .method = "POST", .body = "x"}),
              HasSubstr("allows only POST, not GET"));
  EXPECT_THAT(run.answer({.url = server.url("/to?307:/secret"), .method = "POST", .body = "x"}),
              StartsWith("denied"));
  for (const RawRequest& request : received) EXPECT_NE(request.target, "/secret");
}

TEST_F(Redirects, RewriteMethodsAndBodies) {
  struct Case {
    const char* method;
    int status;
    const char* expected;
  };
  for (const Case& c : {Case{"POST", 301, "GET /x "},
                        {"POST", 302, "GET /x "},
                        {"POST", 303, "GET /x "},
                        {"POST", 307, "POST /x body"},
                        {"POST", 308, "POST /x body"},
                        {"PUT", 301, "PUT /x body"},
                        {"PUT", 302, "PUT /x body"},
                        {"PUT", 303, "GET /x "},
                        {"DELETE", 303, "GET /x "},
                        {"PATCH", 307, "PATCH /x body"}}) {
    std::vector<RawRequest> received;
    Server server(redirecting(&received));
    HttpRun run({server.host_and_port()});
    EXPECT_EQ(run.answer({.url = server.url("/to?" + std::to_string(c.status) + ":/x"),
                          .method = c.method,
                          .headers = {{"Content-Type", "text/x"}, {"Authorization", "secret"}},
                          .body = "body"}),
              std::string("200 ") + c.expected);
    const std::string& head = received.back().head;
    const bool keeps_body = std::string(c.expected).ends_with("body");
    EXPECT_EQ(head.find("Content-Type: text/x") != std::string::npos, keeps_body)
        << c.method << c.status;
    EXPECT_EQ(head.find("Content-Length: 4") != std::string::npos, keeps_body)
        << c.method << c.status;
    EXPECT_THAT(head, HasSubstr("Authorization: secret"));  // the same origin
  }
  Server server(redirecting());
  const auto head =
      HttpRun({server.host_and_port()}).fetch({.url = server.url("/to?303:/x"), .method = "HEAD"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->final_url, server.url("/x"));
}

TEST_F(Redirects, CredentialsStayWithTheirOrigin) {
  std::vector<RawRequest> at_first;
  std::vector<RawRequest> at_second;
  Server first(redirecting(&at_first));
  Server second(redirecting(&at_second));
  HttpRun run({first.host_and_port(), second.host_and_port()});
  // To another origin and back: what was dropped stays dropped.
  const std::string back = second.url("/to?302:" + first.url("/back"));
  ASSERT_TRUE(run.fetch({.url = first.url("/to?302:" + back),
                         .headers = {{"Authorization", "Bearer secret"},
                                     {"Cookie", "id=secret"},
                                     {"X-Api-Key", "secret"},
                                     {"Accept", "text/x"}}}));
  ASSERT_EQ(at_first.size(), 2U);
  ASSERT_EQ(at_second.size(), 1U);
  EXPECT_THAT(at_first[0].head, HasSubstr("Authorization: Bearer secret"));
  EXPECT_THAT(at_second[0].head, Not(HasSubstr("secret")));
  EXPECT_THAT(at_second[0].head, HasSubstr("Accept: text/x"));
  EXPECT_THAT(at_second[0].head, Not(HasSubstr("Referer")));
  EXPECT_THAT(at_first[1].head, Not(HasSubstr("secret")));
}

TEST_F(Redirects, CookiesOfAResponseAreNotSentBack) {
  std::vector<RawRequest> received;
  Server server(Server::answering([&](const RawRequest& request) {
    received.push_back(request);
    return request.target == "/" ? response(302, {"Location: /x", "Set-Cookie: id=1"})
                                 : response(200);
  }));
  ASSERT_TRUE(HttpRun({server.host_and_port()}).fetch({.url = server.url()}));
  EXPECT_THAT(received.at(1).head, Not(HasSubstr("Cookie")));
}

TEST_F(Redirects, AreBounded) {
  std::atomic<int> requests = 0;
  Server server(Server::answering([&](const RawRequest&) {
    return response(302, {"Location: /" + std::to_string(++requests)});
  }));
  HttpRun run({server.host_and_port()});
  EXPECT_THAT(run.answer(server.url()),
              StartsWith("limit: GET " + server.url() + ": more than 10 redirects"));
  EXPECT_EQ(requests, 11);
  EXPECT_EQ(run.records.size(), 11U);
  const auto unfollowed = run.fetch({.url = server.url(), .max_redirects = 0});
  ASSERT_TRUE(unfollowed);
  EXPECT_EQ(unfollowed->status, 302);
  EXPECT_EQ(requests, 12);
}

TEST_F(Redirects, OtherStatusesAreAnswers) {
  for (const int status : {300, 304, 305, 306, 201}) {
    Server server(Server::answering([status](const RawRequest&) {
      return status == 304 ? std::string("HTTP/1.1 304 X\r\nLocation: /x\r\n\r\n")
                           : response(status, {"Location: /x"});
    }));
    const auto answer = HttpRun({server.host_and_port()}).fetch({.url = server.url()});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, status);
  }
  Server without_location(
      Server::answering([](const RawRequest&) { return response(302, {}, "nowhere"); }));
  EXPECT_EQ(HttpRun({without_location.host_and_port()}).answer(without_location.url()),
            "302 nowhere");
}

TEST_F(Redirects, LongBodiesOfRedirectsAreNotRead) {
  Server server([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request)) return;
    if (request.target == "/end") {
      peer.send(response(200, {}, "end"));
      return;
    }
    if (!peer.send("HTTP/1.1 302 X\r\nLocation: /end\r\n\r\n")) return;
    while (peer.send(std::string(1024, 'x'))) {
    }
  });
  EXPECT_EQ(HttpRun({server.host_and_port()}).answer(server.url()), "200 end");
}

TEST(HttpFetch, StreamsBodies) {
  Server server(Server::answering([](const RawRequest& request) {
    return request.target == "/" ? response(302, {"Location: /x"}, "redirect body")
                                 : response(200, {}, std::string(300'000, 'x'));
  }));
  HttpRun run({server.host_and_port()});
  std::string received;
  std::size_t pieces = 0;
  const auto answer = run.fetch({.url = server.url(), .on_body = [&](std::string_view piece) {
                                   received += piece;
                                   ++pieces;
                                   return true;
                                 }});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(received, std::string(300'000, 'x'));
  EXPECT_GT(pieces, 1U);
  EXPECT_THAT(
      run.answer({.url = server.url("/x"), .on_body = [](std::string_view) { return false; }}),
      StartsWith("cancelled: "));
  EXPECT_THAT(
      run.answer({.url = server.url("/x"),
                  .on_body = [](std::string_view) -> bool { throw std::runtime_error("oops"); }}),
      HasSubstr("oops"));
}

TEST(HttpFetch, LimitsOfThePolicyHold) {
  Server server(says(std::string(1000, 'x')));
  EXPECT_THAT(HttpRun({server.host_and_port()}, 20s, {}, 999).answer(server.url()),
              HasSubstr("longer than 999 bytes"));
  EXPECT_THAT(HttpRun({server.host_and_port()}, 20s, {}, 1000).answer(server.url()),
              StartsWith("200 xxx"));
  HttpRun one_call({server.host_and_port()}, 20s, {}, 1000, 1);
  EXPECT_THAT(one_call.answer(server.url()), StartsWith("200"));
  EXPECT_THAT(one_call.answer(server.url()), StartsWith("limit: "));
}

TEST(HttpFetch, EndsAtTheDeadlineAndAtAStop) {
  Server server([](Peer& peer) {
    RawRequest request;
    if (!peer.receive(request) || !peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
      return;
    while (peer.send("x") && peer.pause(50ms)) {
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  HttpRun run({server.host_and_port()}, 300ms);
  EXPECT_THAT(run.answer(server.url()), StartsWith("timeout: "));
  EXPECT_THAT(run.answer(server.url()), StartsWith("timeout: "));
  std::stop_source source;
  std::promise<void> started;
  std::jthread stopper([&] {
    started.get_future().wait();
    source.request_stop();
  });
  HttpRun stopped({server.host_and_port()}, 60s, source.get_token());
  bool is_first = true;
  EXPECT_THAT(stopped.answer({.url = server.url(),
                              .on_body =
                                  [&](std::string_view) {
                                    if (std::exchange(is_first, false)) started.set_value();
                                    return true;
                                  }}),
              StartsWith("cancelled: "));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(HttpFetch, WithoutTheDemandedAuditNothingIsSent) {
  Server server(says("x"));
  class FullDisk final : public AuditSink {
   public:
    Expected<void> write(const AuditRecord&) override {
      return Error::from_errno(ENOSPC, "write", "audit");
    }
  };
  const auto policy = Policy::compile(Config{.capabilities = {Capability::net_http},
                                             .allowed_hosts = {server.host_and_port()},
                                             .audit_required = true});
  ASSERT_TRUE(policy);
  HostFunctionOptions options;
  options.audit = std::make_shared<FullDisk>();
  auto context = RunContext::create(*policy, std::move(options));
  ASSERT_TRUE(context);
  const auto answer = fetch(**context, {.url = server.url()});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(server.connections(), 0);
}

TEST(HttpFetch, RunsDoNotShareConnections) {
  Server server(says("x"));
  for (int i = 0; i < 3; ++i) {
    HttpRun run({server.host_and_port()});
    EXPECT_EQ(run.answer(server.url()), "200 x");
    EXPECT_EQ(run.answer(server.url()), "200 x");
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpFetch, ManyThreadsUnderDifferentPolicies) {
  Server first(says("first"));
  Server second(says("second"));
  HttpRun to_first({first.host_and_port()});
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        const auto policy = Policy::compile(
            Config{.capabilities = {Capability::net_http},
                   .allowed_hosts = {i % 2 == 0 ? first.host_and_port() : second.host_and_port()}});
        auto own = RunContext::create(*policy, {});
        auto shared = RunContext::create(to_first.context->policy(), {});
        for (int round = 0; round < 20; ++round) {
          const auto a = fetch(**own, {.url = first.url()});
          const auto b = fetch(**own, {.url = second.url()});
          const auto c = fetch(**shared, {.url = first.url()});
          if (a.has_value() != (i % 2 == 0) || b.has_value() == a.has_value() || !c ||
              c->body != "first")
            ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(HttpFetch, OneRunFromManyThreads) {
  Server server(Server::answering(
      [](const RawRequest& request) { return response(200, {}, request.target); }));
  const auto policy = Policy::compile(
      Config{.capabilities = {Capability::net_http}, .allowed_hosts = {server.host_and_port()}});
  auto context = RunContext::create(*policy, {});
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 20; ++round) {
          const std::string path = "/" + std::to_string(i) + "/" + std::to_string(round);
          const auto answer = fetch(**context, {.url = server.url(path)});
          if (!answer || answer->body != path) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace omnisandbox::host_functions
