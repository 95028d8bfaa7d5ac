#include "mcp/http/access.h"

#include <gmock/gmock.h>

#include "mcp/http/host_port.h"

namespace omnisandbox::mcp {
namespace {

using testing::HasSubstr;

const std::string token = "0123456789abcdef0123456789abcdef";

RequestHead head(std::vector<std::pair<std::string, std::string>> headers,
                 std::string method = "POST", std::string target = "/mcp") {
  return {.method = std::move(method),
          .target = std::move(target),
          .version = 11,
          .headers = std::move(headers)};
}

unsigned status(const AccessRules& rules, const RequestHead& request) {
  const auto refusal = judge_access(rules, request);
  return refusal ? refusal->status : 200;
}

TEST(HostPort, TakesHostsApart) {
  EXPECT_EQ(parse_host_port("Example.COM:80")->host, "example.com");
  EXPECT_EQ(parse_host_port("example.com:80")->port, 80);
  EXPECT_FALSE(parse_host_port("example.com")->port);
  EXPECT_TRUE(parse_host_port("127.0.0.1:8000")->is_loopback);
  EXPECT_TRUE(parse_host_port("[::1]:8000")->is_loopback);
  EXPECT_EQ(parse_host_port("[::1]")->host, "::1");
  EXPECT_TRUE(parse_host_port("LocalHost")->is_loopback);
  EXPECT_TRUE(parse_host_port("192.0.2.1")->is_address);
  EXPECT_FALSE(parse_host_port("192.0.2.1")->is_loopback);
  EXPECT_FALSE(parse_host_port("localhost.example.com")->is_loopback);
  EXPECT_FALSE(parse_host_port("127.0.0.1.example.com")->is_address);
  for (const char* broken : {"", ":80", "host:", "host:x", "host:70000", "host:80:80", "::1",
                             "[::1", "[::1]80", "[::1]:", "[127.0.0.1]", "[localhost]", "a b",
                             "user@host", "host/", "[fe80::1%lo]", "h\xc3\xb6st"}) {
    EXPECT_FALSE(parse_host_port(broken)) << broken;
  }
}

TEST(Access, OnlyHostsOfOurOwnAreServed) {
  const AccessRules rules{.hosts = {"sandbox.example.com", "ported.example.com:8000"}};
  for (const char* host :
       {"127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "192.0.2.7:80",
        "SANDBOX.example.com", "sandbox.example.com:8000", "ported.example.com:8000"}) {
    EXPECT_EQ(status(rules, head({{"host", host}})), 200U) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8000", "localhost.evil.example",
                           "127.0.0.1.evil.example", "localhost@evil.example",
                           "evil.example/localhost", "ported.example.com:81", "", "localhost."}) {
    EXPECT_EQ(status(rules, head({{"host", host}})), 403U) << host;
  }
  EXPECT_EQ(status(rules, head({})), 400U);
  EXPECT_EQ(status(rules, head({{"host", "localhost"}, {"host", "localhost"}})), 400U);
}

TEST(Access, PagesSpeakOnlyFromListedOrigins) {
  const AccessRules rules{.origins = {"https://app.example.com"}};
  const auto from = [&](const char* origin) {
    return status(rules, head({{"host", "localhost:8000"}, {"origin", origin}}));
  };
  EXPECT_EQ(from("https://app.example.com"), 200U);
  EXPECT_EQ(from("http://localhost:8000"), 200U);
  for (const char* origin : {"http://evil.example", "null", "", "http://localhost:9000",
                             "https://localhost:8000", "http://app.example.com",
                             "https://app.example.com.evil.example", "http://127.0.0.1:8000"}) {
    EXPECT_EQ(from(origin), 403U) << origin;
  }
  // A rebound name sends both headers of its own.
  EXPECT_EQ(
      status(rules, head({{"host", "evil.example:8000"}, {"origin", "http://evil.example:8000"}})),
      403U);
}

TEST(Access, TheTokenIsNeeded) {
  const AccessRules rules{.token = token};
  const auto with = [&](const std::string& value) {
    return status(rules, head({{"host", "localhost"}, {"authorization", value}}));
  };
  EXPECT_EQ(with("Bearer " + token), 200U);
  EXPECT_EQ(with("bearer " + token), 200U);
  for (const std::string& value :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Basic " + token, token,
        "Bearer " + token + "0", "Bearer " + token.substr(1), "Bearer x" + token.substr(1)}) {
    EXPECT_EQ(with(value), 401U) << value;
  }
  EXPECT_EQ(status(rules, head({{"host", "localhost"}})), 401U);
  EXPECT_EQ(status(rules, head({{"host", "localhost"},
                                {"authorization", "Bearer " + token},
                                {"authorization", "Bearer " + token}})),
            401U);
  EXPECT_EQ(judge_access(rules, head({{"host", "localhost"}}))->headers.at(0).first,
            "WWW-Authenticate");
  // Nothing is told to whoever has none.
  EXPECT_EQ(status(rules, head({{"host", "localhost"}}, "PUT", "/other")), 401U);
}

TEST(Access, APreflightBearsNoToken) {
  const AccessRules rules{.token = token, .origins = {"https://app.example.com"}};
  const auto ask = [&](const char* origin) {
    return status(
        rules,
        head({{"host", "localhost"}, {"origin", origin}, {"access-control-request-method", "POST"}},
             "OPTIONS"));
  };
  EXPECT_EQ(ask("https://app.example.com"), 200U);
  EXPECT_EQ(ask("http://localhost"), 401U);
  EXPECT_EQ(ask("https://evil.example"), 403U);
}

TEST(Access, OnePathAndThreeMethods) {
  const std::vector<std::pair<std::string, std::string>> host = {{"host", "localhost"}};
  for (const char* method : {"POST", "GET", "DELETE"}) {
    EXPECT_EQ(status({}, head(host, method)), 200U);
  }
  for (const char* method : {"PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", ""}) {
    EXPECT_EQ(status({}, head(host, method)), 405U) << method;
  }
  for (const char* target : {"/", "/mcp/", "/mcp?x", "/MCP", "http://localhost/mcp", "*", ""}) {
    EXPECT_EQ(status({}, head(host, "POST", target)), 404U) << target;
  }
  RequestHead old = head(host);
  old.version = 10;
  EXPECT_EQ(status({}, old), 505U);
}

TEST(Access, ABodyHasALengthAndAType) {
  const auto terms = [](std::vector<std::pair<std::string, std::string>> headers,
                        std::optional<std::uint64_t> length, const char* method = "POST") {
    RequestHead request = head(std::move(headers), method);
    request.content_length = length;
    const auto refusal = judge_body_terms(request, 100);
    return refusal ? refusal->status : 200U;
  };
  EXPECT_EQ(terms({{"content-type", "application/json"}}, 100), 200U);
  EXPECT_EQ(terms({{"content-type", "Application/JSON; charset=utf-8"}}, 0), 200U);
  EXPECT_EQ(terms({{"content-type", "application/json"}, {"expect", "100-Continue"}}, 1), 200U);
  EXPECT_EQ(terms({{"content-type", "application/json"}}, 101), 413U);
  EXPECT_EQ(terms({{"content-type", "application/json"}}, {}), 411U);
  EXPECT_EQ(terms({{"content-type", "application/json"}, {"transfer-encoding", "chunked"}}, {}),
            411U);
  EXPECT_EQ(terms({{"content-type", "text/plain"}}, 1), 415U);
  EXPECT_EQ(terms({}, 1), 415U);
  EXPECT_EQ(terms({{"content-type", "application/json"}, {"expect", "miracles"}}, 1), 417U);
  EXPECT_EQ(terms({}, {}, "GET"), 200U);
  EXPECT_EQ(terms({}, 1, "GET"), 400U);
  EXPECT_EQ(terms({{"transfer-encoding", "chunked"}}, {}, "DELETE"), 411U);
}

TEST(RequestHead, AcceptNamesMediaTypes) {
  EXPECT_TRUE(names_media_type("application/json, text/event-stream", "text/event-stream"));
  EXPECT_TRUE(names_media_type("TEXT/Event-Stream;q=0.5", "text/event-stream"));
  EXPECT_FALSE(names_media_type("text/event-stream;q=0", "text/event-stream"));
  EXPECT_FALSE(names_media_type("text/event-stream; q=0.00", "text/event-stream"));
  // What follows a refusal is read past, too.
  EXPECT_FALSE(names_media_type("text/event-stream;q=0;charset=utf-8", "text/event-stream"));
  EXPECT_TRUE(
      names_media_type("text/event-stream;q=0;a=b, text/event-stream", "text/event-stream"));
  EXPECT_FALSE(names_media_type("*/*", "text/event-stream"));
  EXPECT_FALSE(names_media_type("", "text/event-stream"));
  EXPECT_FALSE(names_media_type(",;,=;;", "text/event-stream"));
}

}  // namespace
}  // namespace omnisandbox::mcp
