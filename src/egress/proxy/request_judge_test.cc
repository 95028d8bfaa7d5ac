#include "egress/proxy/request_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "omnisandbox/policy.h"

namespace omnisandbox::egress {
namespace {

using testing::HasSubstr;

Policy policy_of(std::vector<HostRule> hosts) {
  auto policy = Policy::compile(
      Config{.capabilities = {Capability::net_http}, .allowed_hosts = std::move(hosts)});
  EXPECT_TRUE(policy) << policy.error().message;
  return *std::move(policy);
}

const Policy& usual() {
  static const Policy policy =
      policy_of({"api.example.com", "*.example.org", "http://plain.example:8080", "127.0.0.1:9000",
                 HostRule("https://files.example/public/"), HostRule("get.example", {"GET"}),
                 HostRule("tunnel.example", {"CONNECT"})});
  return policy;
}

tl::expected<JudgedRequest, Refusal> request(std::string_view url, std::string_view method = "GET",
                                             std::vector<HttpHeader> headers = {}) {
  return judge_request(
      usual().compiled(),
      RequestHead{.method = method, .target = url, .version = 11, .headers = std::move(headers)});
}

int status_of(const tl::expected<JudgedRequest, Refusal>& judged) {
  return judged ? 200 : judged.error().status;
}

TEST(RequestJudge, AbsoluteUrlsAreJudgedLikeFetches) {
  const auto judged = request("http://API.example.com:80/a/../b?q#f", "get");
  ASSERT_TRUE(judged) << judged.error().reason;
  EXPECT_EQ(judged->target.url, "http://api.example.com/b?q");
  EXPECT_EQ(judged->method, "GET");
  EXPECT_EQ(judged->grant.rule, "allowed_hosts[0] \"api.example.com\"");
  EXPECT_EQ(status_of(request("http://plain.example:8080/")), 200);
  EXPECT_EQ(status_of(request("http://127.0.0.1:9000/")), 200);
  EXPECT_EQ(status_of(request("http://get.example/")), 200);

  for (const char* url :
       {"http://evil.example/?api.example.com", "http://api.example.com.evil.example/",
        "http://evilapi.example.com/", "http://api.example.com@evil.example/",
        "http://user@api.example.com/", "http://api.example.com:8080/", "http://127.0.0.1/",
        "http://2130706433/", "http://0x7f.1/", "http://[::1]:9000/",
        "http://[::ffff:7f00:2]:9000/", "http://plain.example/", "http://example.org/",
        "http://files.example/public/"}) {
    EXPECT_EQ(status_of(request(url)), 403) << url;
  }
  // Other spellings of what is allowed.
  for (const char* url : {"http://2130706433:9000/", "http://0x7f.1:9000/",
                          "http://[::ffff:7f00:1]:9000/", "http://API.EXAMPLE.COM./"}) {
    EXPECT_EQ(status_of(request(url)), 200) << url;
  }
}

TEST(RequestJudge, OtherFormsAreNoRequests) {
  for (const char* url : {"/", "*", "api.example.com:80", "https://api.example.com/", "", "http:/x",
                          "ftp://api.example.com/", "http://api.example.com/\\x",
                          "http://[fe80::1%25lo]/", "http:// api.example.com/"}) {
    const auto judged = request(url);
    ASSERT_FALSE(judged) << url;
    EXPECT_EQ(judged.error().status, 400) << url;
    EXPECT_FALSE(judged.error().denial) << url;
  }
}

TEST(RequestJudge, MethodsAndTheirOverridesAreJudged) {
  EXPECT_EQ(status_of(request("http://get.example/", "POST")), 403);
  EXPECT_EQ(status_of(request("http://api.example.com/", "TRACE")), 403);
  EXPECT_EQ(status_of(request("http://get.example/", "GET", {{"X-HTTP-Method-Override", "PUT"}})),
            403);
  EXPECT_EQ(status_of(request("http://get.example/", "GET", {{"X-HTTP-Method-Override", "get"}})),
            200);
  EXPECT_EQ(status_of(request("http://api.example.com/", "G:T")), 400);
}

TEST(RequestJudge, TheHostHeaderAgreesWithTheUrl) {
  const std::string url = "http://plain.example:8080/";
  for (const char* host : {"plain.example:8080", "PLAIN.example:8080", " plain.example:8080 "})
    EXPECT_EQ(status_of(request(url, "GET", {{"Host", host}})), 200) << host;
  for (const char* host :
       {"evil.example", "plain.example", "plain.example:80", "", "plain.example:8080/x",
        "x@plain.example:8080", "plain.example:8080, evil.example"}) {
    EXPECT_EQ(status_of(request(url, "GET", {{"Host", host}})), 403) << host;
  }
  EXPECT_EQ(status_of(request(url, "GET", {{"Host", "plain.example:8080"}, {"host", "evil"}})),
            400);
}

TEST(RequestJudge, OnlyEndToEndHeadersGoOn) {
  const auto judged = request("http://api.example.com/", "GET",
                              {{"Accept", "a"},
                               {"Connection", "close, X-Hop ,x-other"},
                               {"x-hop", "1"},
                               {"X-Other", "2"},
                               {"Proxy-Authorization", "Basic x"},
                               {"proxy-connection", "keep-alive"},
                               {"Keep-Alive", "5"},
                               {"TE", "trailers"},
                               {"Trailer", "x"},
                               {"Upgrade", "websocket"},
                               {"HTTP2-Settings", "x"},
                               {"Content-Length", "0"},
                               {"Expect", "100-continue"},
                               {"Cookie", "c"}});
  ASSERT_TRUE(judged) << judged.error().reason;
  std::string names;
  for (const HttpHeader& header : judged->headers) names += header.name + " ";
  EXPECT_EQ(names, "Accept Cookie ");
  EXPECT_EQ(status_of(request("http://api.example.com/", "GET", {{"X-Original-URL", "/x"}})), 400);
}

TEST(RequestJudge, FramingMustBePlain) {
  EXPECT_TRUE(has_plain_framing({{"Content-Length", "5"}}, 11));
  EXPECT_TRUE(has_plain_framing({{"Transfer-Encoding", "Chunked"}}, 11));
  EXPECT_TRUE(has_plain_framing({}, 10));
  for (const std::vector<HttpHeader>& headers : std::vector<std::vector<HttpHeader>>{
           {{"Content-Length", "5"}, {"Content-Length", "5"}},
           {{"Content-Length", "5, 5"}},
           {{"Content-Length", "+5"}},
           {{"Content-Length", "0x5"}},
           {{"Content-Length", ""}},
           {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
           {{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}},
           {{"Transfer-Encoding", "gzip, chunked"}},
           {{"Transfer-Encoding", "identity"}},
           {{"Transfer-Encoding",
             "\x0b"
             "chunked"}},
           {{"Transfer-Encoding", "chunked;x"}}}) {
    EXPECT_FALSE(has_plain_framing(headers, 11)) << testing::PrintToString(headers[0].value);
  }
  EXPECT_FALSE(has_plain_framing({{"Transfer-Encoding", "chunked"}}, 10));
}

TEST(RequestJudge, TunnelsTakeARuleThatCanBeEnforced) {
  const auto tunnel = [](std::string_view authority) {
    return judge_tunnel(usual().compiled(), authority);
  };
  for (const char* authority : {"api.example.com:443", "a.b.example.org:443", "127.0.0.1:9000",
                                "API.Example.com.:443", "tunnel.example:443", "2130706433:9000"}) {
    EXPECT_EQ(status_of(tunnel(authority)), 200) << authority;
  }
  for (const char* authority :
       {"evil.example:443", "api.example.com:80", "api.example.com:22", "plain.example:8080",
        "127.0.0.1:443", "[::1]:9000", "x@api.example.com:443"}) {
    const auto judged = tunnel(authority);
    EXPECT_EQ(status_of(judged), 403) << authority;
  }
  for (const char* authority :
       {"api.example.com", "api.example.com:", "api.example.com:0", "api.example.com:65536",
        "api.example.com:443/x", ":443", "", "::1:443", "api.example.com:443:443",
        "api.example.com:+443", "a?b:443", "a#b:443", "a b:443", "http://api.example.com:443"}) {
    EXPECT_EQ(status_of(tunnel(authority)), 400) << authority;
  }
  // A rule for paths or methods says why it does not open a tunnel, and what would.
  for (const char* authority : {"files.example:443", "get.example:443"}) {
    const auto judged = tunnel(authority);
    ASSERT_FALSE(judged);
    ASSERT_TRUE(judged.error().denial) << judged.error().reason;
    EXPECT_THAT(judged.error().denial->reason, HasSubstr("inside a tunnel"));
    EXPECT_THAT(judged.error().denial->remedy, HasSubstr("allowed_hosts: [\"https://"));
  }
}

TEST(RequestJudge, ATunnelsTlsIsForItsHost) {
  const auto named = judge_tunnel(usual().compiled(), "a.example.org:443");
  const auto address = judge_tunnel(usual().compiled(), "127.0.0.1:9000");
  ASSERT_TRUE(named && address);
  EXPECT_FALSE(judge_server_name(*named, "a.example.org"));
  // Also allowed, and still not what was asked for.
  for (const char* name : {"b.example.org", "api.example.com", "", "a.example.org."})
    EXPECT_TRUE(judge_server_name(*named, name)) << name;
  EXPECT_FALSE(judge_server_name(*address, ""));
  EXPECT_FALSE(judge_server_name(*address, "127.0.0.1"));
  EXPECT_TRUE(judge_server_name(*address, "evil.example"));
}

TEST(RequestJudge, EveryLayerMustAgree) {
  const auto narrow = policy_of({"*"}).narrow(
      Config{.capabilities = {Capability::net_http}, .allowed_hosts = {"a.example"}});
  ASSERT_TRUE(narrow);
  EXPECT_TRUE(judge_tunnel(narrow->compiled(), "a.example:443"));
  EXPECT_FALSE(judge_tunnel(narrow->compiled(), "b.example:443"));
  const auto without = Policy::compile(Config{.allowed_hosts = {"a.example"}});
  const auto refused = judge_tunnel(without->compiled(), "a.example:443");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().denial->remedy, HasSubstr("net_http"));
}

}  // namespace
}  // namespace omnisandbox::egress
