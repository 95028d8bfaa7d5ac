#include "policy/host/canonical_url.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/host/host_name.h"

namespace omnisandbox::policy {
namespace {

std::string canonical(std::string_view url) {
  const auto target = canonicalise_url(url);
  if (target) return target->url;
  return std::string(to_string(target.error().kind)) + ": " + target.error().message;
}

struct Case {
  std::string url;
  std::string expected;
};

TEST(CanonicalUrl, HasOneSpelling) {
  const std::vector<Case> cases = {
      {"https://example.com", "https://example.com/"},
      {"HTTPS://EXAMPLE.com", "https://example.com/"},
      {"https://example.com.", "https://example.com/"},
      {"https://example.com:443/", "https://example.com/"},
      {"https://example.com:/", "https://example.com/"},
      {"https://example.com:0443/", "https://example.com/"},
      {"http://example.com:80", "http://example.com/"},
      {"http://example.com:443/", "http://example.com:443/"},
      {"https://example.com:8443/x", "https://example.com:8443/x"},
      {"https://example.com?q=1", "https://example.com/?q=1"},
      {"https://example.com#frag", "https://example.com/"},
      {"https://example.com/a?b#c", "https://example.com/a?b"},
      {"https://example.com/a#b?c", "https://example.com/a"},
      {"https://my_service.internal/", "https://my_service.internal/"},
      {"https://r3---sn-abc.example.com/", "https://r3---sn-abc.example.com/"},
      {"https://a/", "https://a/"},
  };
  for (const Case& c : cases) EXPECT_EQ(canonical(c.url), c.expected) << c.url;
}

TEST(CanonicalHost, ABracketMustBeClosed) {
  for (const char* host : {"[", "[::1", "[::1]x"}) {
    const auto canonical_host = canonicalise_host(host);
    ASSERT_FALSE(canonical_host) << host;
    EXPECT_NE(canonical_host.error().find("no closing bracket"), std::string::npos)
        << canonical_host.error();
  }
  EXPECT_EQ(canonicalise_host("[::1]")->text, "::1");
}

TEST(CanonicalUrl, ReadsEverySpellingOfAnIpv4Address) {
  for (const char* host : {"127.0.0.1",
                           "127.0.0.1.",
                           "127.1",
                           "127.0.1",
                           "2130706433",
                           "0x7f000001",
                           "0X7F000001",
                           "017700000001",
                           "0x7f.1",
                           "0x7f.0x0.0x0.0x1",
                           "0177.0.0.1",
                           "0177.0.0.01",
                           "127.0x1",
                           "0000177.0.0.1",
                           "[::ffff:7f00:1]",
                           "[::ffff:127.0.0.1]",
                           "[0:0:0:0:0:ffff:7f00:0001]",
                           "[::FFFF:7F00:1]",
                           "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1" /* fullwidth digits */,
                           "127\xe3\x80\x82"
                           "0\xe3\x80\x82"
                           "0\xe3\x80\x82"
                           "1" /* ideographic full stops */,
                           "\xe2\x91\xa0"
                           "27.1" /* circled digit */}) {
    const auto target = canonicalise_url(std::string("http://") + host + "/");
    ASSERT_TRUE(target) << host << ": " << target.error().message;
    EXPECT_EQ(target->host, "127.0.0.1") << host;
    EXPECT_TRUE(target->host_is_address) << host;
    EXPECT_EQ(target->url, "http://127.0.0.1/") << host;
  }
  EXPECT_EQ(canonical("http://0/"), "http://0.0.0.0/");
  EXPECT_EQ(canonical("http://0x/"), "http://0.0.0.0/");
  EXPECT_EQ(canonical("http://4294967295/"), "http://255.255.255.255/");
  EXPECT_EQ(canonical("http://169.254.43518/"), "http://169.254.169.254/");
  EXPECT_EQ(canonical("http://1.2.3.4:8080/"), "http://1.2.3.4:8080/");
}

TEST(CanonicalUrl, ReadsEverySpellingOfAnIpv6Address) {
  EXPECT_EQ(canonical("http://[::1]/"), "http://[::1]/");
  EXPECT_EQ(canonical("http://[0:0:0:0:0:0:0:1]/"), "http://[::1]/");
  EXPECT_EQ(canonical("http://[::1]:8080/"), "http://[::1]:8080/");
  EXPECT_EQ(canonical("http://[2001:DB8::]/"), "http://[2001:db8::]/");
  EXPECT_EQ(canonical("http://[::127.0.0.1]/"), "http://[::7f00:1]/");
  EXPECT_EQ(canonical("http://[64:ff9b::127.0.0.1]/"), "http://[64:ff9b::7f00:1]/");
  EXPECT_EQ(canonicalise_url("http://[::1]/")->host, "::1");
}

TEST(CanonicalUrl, ReadsInternationalNames) {
  const std::string expected = "https://xn--bcher-kva.example/";
  EXPECT_EQ(canonical("https://b\xc3\xbc"
                      "cher.example/"),
            expected);
  EXPECT_EQ(canonical("https://B\xc3\x9c"
                      "CHER.example/"),
            expected);
  EXPECT_EQ(canonical("https://bu\xcc\x88"
                      "cher.example/"),
            expected);  // decomposed
  EXPECT_EQ(canonical("https://xn--bcher-kva.example/"), expected);
  EXPECT_EQ(canonical("https://XN--BCHER-KVA.Example./"), expected);
  EXPECT_EQ(canonical("https://b\xc3\xbc"
                      "cher\xe3\x80\x82"
                      "example/"),
            expected);
  EXPECT_EQ(canonical("https://b\xc3\xbc"
                      "cher.example\xe3\x80\x82/"),
            expected);
  EXPECT_EQ(canonical("https://fa\xc3\x9f.example/"),
            "https://xn--fa-hia.example/");  // non-transitional: not "fass"
  // Characters that UTS 46 maps to ASCII: the name is then judged as what it becomes.
  EXPECT_EQ(canonical("https://\xef\xbd\x85xample.com/"), "https://example.com/");  // fullwidth e
  EXPECT_EQ(canonical("https://exam\xc2\xadple.com/"), "https://example.com/");     // soft hyphen
  EXPECT_EQ(canonical("https://\xe2\x93\x94xample.com/"), "https://example.com/");  // circled e
  EXPECT_EQ(canonical("https://\xe2\x84\xaa"
                      "elvin.example/"),
            "https://kelvin.example/");
}

TEST(CanonicalUrl, PathsHaveNoDotSegments) {
  const std::vector<Case> cases = {
      {"/a/b/../c", "/a/c"},
      {"/a/./b", "/a/b"},
      {"/..", "/"},
      {"/../../etc/passwd", "/etc/passwd"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/a/..", "/"},
      {"/a/b/..", "/a/"},
      {"/a/.", "/a/"},
      {"/a%2Fb", "/a%2Fb"},
      {"/a%2fb", "/a%2Fb"},
      {"/%41%7e", "/A~"},
      {"/a//b", "/a//b"},
      {"/a/...", "/a/..."},
      {"/a b", "/a%20b"},
      {"/\xc3\xbc", "/%C3%BC"},
      {"/{x}|\"<>^`", "/%7Bx%7D%7C%22%3C%3E%5E%60"},
      {"/[1]", "/%5B1%5D"},
      {"/a/..;/b", "/a/..;/b"},
      {"//evil.example/", "//evil.example/"},
  };
  for (const Case& c : cases) {
    const auto target = canonicalise_url("https://h.example" + c.url);
    ASSERT_TRUE(target) << c.url;
    EXPECT_EQ(target->path, c.expected) << c.url;
    EXPECT_EQ(target->url, "https://h.example" + c.expected) << c.url;
    EXPECT_EQ(target->host, "h.example") << c.url;
  }
}

TEST(CanonicalUrl, QueriesKeepTheirEscapes) {
  EXPECT_EQ(canonical("https://h.example/?a=%2e%2F&b=%c3"), "https://h.example/?a=%2e%2F&b=%c3");
  EXPECT_EQ(canonical("https://h.example/?a=b c\xc3\xbc"), "https://h.example/?a=b%20c%C3%BC");
  EXPECT_EQ(canonical("https://h.example/?x=http://evil.example/../?"),
            "https://h.example/?x=http://evil.example/../?");
}

TEST(CanonicalUrl, RefusesWhatIsNoUrl) {
  const std::string long_label(64, 'a');
  std::string long_name;
  for (int i = 0; i < 127; ++i) long_name += "a.";
  long_name += "a";  // 255 bytes
  const std::vector<std::string> urls = {
      "",
      " ",
      "/",
      "//example.com/",
      "example.com",
      "example.com:443/x",
      "localhost:8080",
      "://example.com",
      "https:",
      "https:/example.com",
      "https:example.com",
      "https://",
      "https:///example.com/",
      "https://?q",
      "https://#x",
      "https://:443/",
      "1https://x/",
      "https://example.com:0/",
      "https://example.com:65536/",
      "https://example.com:-1/",
      "https://example.com:+80/",
      "https://example.com:8o/",
      "https://example.com:80:80/",
      "https://example.com: 80/",
      "https://example.com:000080/",
      "https://example.com:0x50/",
      // Characters that other parsers strip or fold.
      "https://exa\tmple.com/",
      "https://exa\nmple.com/",
      "https://exa\rmple.com/",
      "ht\ntps://example.com/",
      "https://example.com/\r\nX: y",
      std::string("https://example.com/\0x", 22),
      std::string("https://a\0.example.com/", 23),
      "https://example.com\\@evil.example/",
      "https:\\\\example.com\\",
      "https://example.com/\\x",
      "\x01https://example.com/",
      " https://example.com/",
      "https://example.com/ ",
      "https://exa mple.com/",
      "https://example.com\x7f/",
      "https://example.com/\x7f",
      // Percent signs.
      "https://example.com/%",
      "https://example.com/%2",
      "https://example.com/%zz",
      "https://example.com/?%",
      "https://example.com/?a=%g1",
      "https://ex%61mple.com/",
      "https://127.0.0.1%2f.example/",
      "https://%31%32%37.0.0.1/",
      // Names.
      "https://.example.com/",
      "https://example..com/",
      "https://example.com../",
      "https://./",
      "https://../",
      "https://" + long_label + ".example/",
      "https://" + long_name + "/",
      "https://-a.example/",
      "https://a-.example/",
      "https://exa!mple.com/",
      "https://*.example.com/",
      "https://exam<ple.com/",
      "https://a,b.example/",
      "https://a;b.example/",
      "https://a'b.example/",
      "https://a$b/",
      "https://a|b/",
      // Numbers that are no addresses.
      "http://256.1.1.1/",
      "http://1.2.3.4.5/",
      "http://4294967296/",
      "http://0x100000000/",
      "http://1.2.3.256/",
      "http://1.256.1/",
      "http://08.1.1.1/",
      "http://1..1/",
      "http://0xg.1/",
      "http://foo.1/",
      "http://foo.0x1/",
      "http://1.2.3.4../",
      "http://a.b.09/",
      "http://99999999999999999999999/",
      // IPv6.
      "http://[::1/",
      "http://::1/",
      "http://[]/",
      "http://[::1]x/",
      "http://[::1]:x/",
      "http://[fe80::1%eth0]/",
      "http://[fe80::1%25eth0]/",
      "http://[v1.x]/",
      "http://[127.0.0.1]/",
      "http://[::1]]/",
      "http://[[::1]]/",
      "http://[1:2:3]/",
      "http://[::1].example.com/",
      "http://x[::1]/",
      // IDNA.
      "https://xn--/",
      "https://xn--a/",
      "https://xn--example-.com/",
      "https://\xe2\x84\x80.example/" /* a/c */,
      "https://\xe2\x80\x8b.example/",
      "https://a\xe2\x80\xae"
      "b.example/" /* bidirectional override */,
      "https://a\xe2\x81\x84"
      "b.example/" /* fraction slash */,
      "https://example\xef\xbc\x8f.evil.example/" /* fullwidth slash */,
      "https://a\xef\xbc\xa0"
      "b.example/" /* fullwidth @ */,
      "https://a\xef\xbc\x9a"
      "80/" /* fullwidth : */,
      "https://a\xe2\x89\xa0"
      "b/",
      "https://\xc3\xa9\xef\xbc\x8f.example/",
      "https://a_b.\xc3\xa9/",
      "https://\xef\xbc\xa0/",
      "https://xn--1ch.example/",
      "https://a\xef\xbc\x83"
      "b/",
      "https://\xcc\x81.example/" /* begins with a combining mark */,
      // Not UTF-8.
      "https://\xff.example/",
      "https://example.com/\xc3",
      "https://example.com/\xc0\xaf",
      "https://example.com/?\xed\xa0\x80",
      "https://example.com/" + std::string(max_url_bytes, 'a'),
      "https://example.com/" + std::string(4000, ' ') + "x",
  };
  for (const std::string& url : urls) {
    const auto target = canonicalise_url(url);
    EXPECT_FALSE(target) << url << " -> " << target->url;
    if (target) continue;
    EXPECT_EQ(target.error().kind, ErrorKind::invalid_argument)
        << url << ": " << target.error().message;
    for (const char c : target.error().message) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << url;
    }
  }
}

TEST(CanonicalUrl, DeniesWhatNoRuleCanOpen) {
  for (const char* url :
       {"file:///etc/passwd", "FILE:///etc/passwd", "gopher://example.com:70/_x",
        "ftp://example.com/", "ws://example.com/", "data:text/plain,x", "javascript:alert(1)",
        "dict://127.0.0.1:11211/", "unix:/var/run/docker.sock", "https+unix://x/",
        "view-source:https://example.com/", "https://user@example.com/",
        "https://user:pass@example.com/", "https://api.example.com@evil.example/",
        "https://@example.com/", "https://a@b@c/", "https://api.example.com:443@evil.example/",
        "https://evil.example:80@127.0.0.1/", "http://:@127.0.0.1/"}) {
    const auto target = canonicalise_url(url);
    ASSERT_FALSE(target) << url;
    EXPECT_EQ(target.error().kind, ErrorKind::denied) << url;
    ASSERT_TRUE(target.error().denial) << url;
    EXPECT_EQ(target.error().denial->resource, url);
    EXPECT_EQ(target.error().denial->capability, Capability::net_http);
    EXPECT_FALSE(target.error().denial->reason.empty());
  }
}

TEST(CanonicalUrl, HostIsWhereTheSocketGoes) {
  EXPECT_EQ(canonicalise_url("https://evil.example/?api.example.com")->host, "evil.example");
  EXPECT_EQ(canonicalise_url("https://evil.example#@api.example.com/")->host, "evil.example");
  EXPECT_EQ(canonicalise_url("https://evil.example?@api.example.com/")->host, "evil.example");
  EXPECT_EQ(canonicalise_url("https://evil.example/@api.example.com/")->host, "evil.example");
  EXPECT_EQ(canonicalise_url("https://api.example.com.evil.example/")->host,
            "api.example.com.evil.example");
}

TEST(CanonicalUrl, CanonicalisingTwiceChangesNothing) {
  for (const char* url : {"https://EXAMPLE.com/%7ea/../b?x=%2f#y", "http://0x7f.1:81/a b",
                          "http://[::ffff:1.2.3.4]/%2e./", "https://b\xc3\xbc.example?"}) {
    const auto once = canonicalise_url(url);
    ASSERT_TRUE(once) << url;
    const auto twice = canonicalise_url(once->url);
    ASSERT_TRUE(twice) << once->url;
    EXPECT_EQ(*once, *twice);
  }
}

TEST(CanonicalReference, ResolvesAgainstItsBase) {
  const auto base = canonicalise_url("https://h.example:8443/a/b/c?q=1");
  ASSERT_TRUE(base);
  const std::vector<Case> cases = {
      {"d", "https://h.example:8443/a/b/d"},
      {"./d", "https://h.example:8443/a/b/d"},
      {"../d", "https://h.example:8443/a/d"},
      {"../../../../d", "https://h.example:8443/d"},
      {"/d", "https://h.example:8443/d"},
      {"?r=2", "https://h.example:8443/a/b/c?r=2"},
      {"#x", "https://h.example:8443/a/b/c?q=1"},
      {"", "https://h.example:8443/a/b/c?q=1"},
      {"//other.example/d", "https://other.example/d"},
      {"http://other.example/d", "http://other.example/d"},
      {"HTTP://127.1/", "http://127.0.0.1/"},
      {"d:e/f", "denied"},
      {"./d:e", "https://h.example:8443/a/b/d:e"},
      {"file:///etc/passwd", "denied"},
      {"//user@other.example/", "denied"},
      {"//[::1%25lo]/", "invalid_argument"},
      {"/x\r\nSet-Cookie: a=b", "invalid_argument"},
      {"\\\\other.example\\", "invalid_argument"},
      {"///other.example/", "invalid_argument"},
      {"a b", "https://h.example:8443/a/b/a%20b"},
  };
  for (const Case& c : cases) {
    const auto target = canonicalise_reference(*base, c.url);
    EXPECT_EQ(target ? target->url : std::string(to_string(target.error().kind)), c.expected)
        << c.url;
  }
}

TEST(CanonicalUrl, NamesItsOrigin) {
  EXPECT_EQ(origin_of(*canonicalise_url("https://h.example:443/x")), "https://h.example");
  EXPECT_EQ(origin_of(*canonicalise_url("http://h.example:443/x")), "http://h.example:443");
  EXPECT_EQ(origin_of(*canonicalise_url("http://[::1]:8080/x")), "http://[::1]:8080");
}

}  // namespace
}  // namespace omnisandbox::policy
