#include "egress/http_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnisandbox::egress {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names(const std::vector<HttpHeader>& headers) {
  std::vector<std::string> result;
  for (const HttpHeader& header : headers) result.push_back(header.name);
  return result;
}

ErrorKind kind_of(const std::vector<HttpHeader>& headers) {
  const auto checked = checked_headers(headers);
  EXPECT_FALSE(checked);
  return checked ? ErrorKind::internal : checked.error().kind;
}

TEST(HttpHeaders, HonestOnesPass) {
  const auto checked = checked_headers(std::vector<HttpHeader>{{"Accept", " text/plain\t"},
                                                               {"X-Empty", ""},
                                                               {"authorization", "Bearer x"},
                                                               {"x-tab", "a\tb"},
                                                               {"X-Latin", "caf\xe9"},
                                                               {"Hostname", "x"},
                                                               {"Proxied", "x"},
                                                               {"X-Host", "y"}});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ((*checked)[0].value, "text/plain");
  EXPECT_EQ((*checked)[1].value, "");
  EXPECT_EQ(checked->size(), 8U);
}

TEST(HttpHeaders, FramingAndConnectionAreNotTheGuests) {
  for (const char* name : {"Host",
                           "host",
                           "HOST",
                           "Content-Length",
                           "content-length",
                           "Transfer-Encoding",
                           "Connection",
                           "Keep-Alive",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "Expect",
                           "HTTP2-Settings",
                           "Proxy-Authorization",
                           "proxy-connection",
                           "PROXY-anything",
                           "Proxy-",
                           "X-Original-URL",
                           "x-rewrite-url",
                           "X_Original_URL",
                           "X.Rewrite.URL",
                           "Transfer_Encoding",
                           "Content_Length",
                           "Proxy_Authorization",
                           "Proxy",
                           "Alt-Used"}) {
    EXPECT_EQ(kind_of({{name, "x"}}), ErrorKind::invalid_argument) << name;
  }
}

TEST(HttpHeaders, InjectionIsRefused) {
  for (const std::string& value :
       {std::string("a\r\nHost: evil.example"), std::string("a\nb"), std::string("a\rb"),
        std::string("a\0b", 3), std::string("\x01"), std::string("\x7f"), std::string("a\r\n")}) {
    EXPECT_EQ(kind_of({{"X-Value", value}}), ErrorKind::invalid_argument);
  }
  for (const std::string& name :
       {std::string(), std::string(" "), std::string("A B"), std::string("A:"),
        std::string("Host "), std::string(" Host"), std::string("A\r\nB"), std::string("A\0", 2),
        std::string("\xc3\xa9"), std::string("X;"), std::string("Host:"), std::string("Host\t"),
        std::string("@")}) {
    EXPECT_EQ(kind_of({{name, "x"}}), ErrorKind::invalid_argument) << name;
  }
}

TEST(HttpHeaders, AreBounded) {
  EXPECT_TRUE(checked_headers(std::vector<HttpHeader>(max_request_headers, {"a", "b"})));
  EXPECT_EQ(kind_of(std::vector<HttpHeader>(max_request_headers + 1, {"a", "b"})),
            ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of({{"a", std::string(max_request_header_bytes, 'x')}}),
            ErrorKind::invalid_argument);
}

TEST(HttpHeaders, MethodsAreUpperCaseTokens) {
  EXPECT_EQ(*canonical_method("get"), "GET");
  EXPECT_EQ(*canonical_method("PROPFIND"), "PROPFIND");
  EXPECT_EQ(*canonical_method("M-SEARCH"), "M-SEARCH");
  for (const std::string& method :
       {std::string(), std::string("GET "), std::string("GET /x HTTP/1.1\r\nX:"),
        std::string("G\0T", 3), std::string("GE\nT"), std::string(max_method_bytes + 1, 'A'),
        std::string("G:T")}) {
    EXPECT_FALSE(canonical_method(method)) << method;
  }
}

TEST(HttpHeaders, OverridesAreFound) {
  const auto methods =
      overriding_methods(std::vector<HttpHeader>{{"x-http-method-override", "delete"},
                                                 {"X-HTTP-Method", "PUT"},
                                                 {"X-Method-Override", "Patch"},
                                                 {"X_HTTP_Method_Override", "LINK"},
                                                 {"Accept", "x"}});
  ASSERT_TRUE(methods);
  EXPECT_THAT(*methods, ElementsAre("DELETE", "PUT", "PATCH", "LINK"));
  EXPECT_FALSE(
      overriding_methods(std::vector<HttpHeader>{{"X-HTTP-Method-Override", "DELETE, GET"}}));
}

TEST(HttpHeaders, OtherOriginsLearnNothing) {
  std::vector<HttpHeader> headers = {{"Authorization", "x"},
                                     {"Cookie", "x"},
                                     {"X-Api-Key", "x"},
                                     {"PRIVATE-TOKEN", "x"},
                                     {"X-HTTP-Method-Override", "GET"},
                                     {"ACCEPT", "x"},
                                     {"User-Agent", "x"},
                                     {"Content-Type", "x"},
                                     {"Range", "x"},
                                     {"Origin", "x"},
                                     {"Referer", "x"},
                                     {"X-Custom", "x"}};
  drop_for_other_origin(headers);
  EXPECT_THAT(names(headers), ElementsAre("ACCEPT", "User-Agent", "Content-Type", "Range"));
}

TEST(HttpHeaders, BodyHeadersGoWithTheBody) {
  std::vector<HttpHeader> headers = {{"content-type", "x"},
                                     {"Content-Encoding", "x"},
                                     {"Contents", "x"},
                                     {"Authorization", "x"},
                                     {"X-HTTP-Method", "PUT"}};
  drop_body_headers(headers);
  EXPECT_THAT(names(headers), ElementsAre("Contents", "Authorization"));
}

TEST(HttpHeaders, AreFoundInAnyCase) {
  const std::vector<HttpHeader> headers = {{"LOCATION", "a"}, {"location", "b"}};
  ASSERT_NE(find_header(headers, "Location"), nullptr);
  EXPECT_EQ(*find_header(headers, "Location"), "a");
  EXPECT_EQ(find_header(headers, "Locatio"), nullptr);
}

}  // namespace
}  // namespace omnisandbox::egress
