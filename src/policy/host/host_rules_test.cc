#include "policy/host/host_rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnisandbox::policy {
namespace {

using ::testing::HasSubstr;

HostRules rules_of(const std::vector<HostRule>& rules) {
  auto compiled = HostRules::compile(rules);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return compiled ? *std::move(compiled) : HostRules();
}

CanonicalTarget target_of(std::string_view url) {
  auto target = canonicalise_url(url);
  EXPECT_TRUE(target) << url << ": " << target.error().message;
  return target ? *std::move(target) : CanonicalTarget{};
}

// "allowed_hosts[2]", or the reason of the refusal.
std::string judge(const HostRules& rules, std::string_view url, std::string_view method = "GET") {
  const HostAnswer answer = rules.judge(target_of(url), method);
  EXPECT_EQ(answer.allowed, answer.reason.empty());
  return answer.allowed ? "rule " + std::to_string(answer.rule_index) : answer.reason;
}

std::string connect(const HostRules& rules, std::string_view url, std::string_view address) {
  const CanonicalTarget target = target_of(url);
  const HostAnswer grant = rules.judge(target, "GET");
  EXPECT_TRUE(grant.allowed) << url << ": " << grant.reason;
  const HostAnswer answer = rules.judge_address(target, grant, *IpAddress::parse(address));
  EXPECT_EQ(answer.allowed, answer.reason.empty());
  return answer.allowed ? "yes" : answer.reason;
}

std::string compile_error(HostRule rule) {
  const auto compiled = HostRules::compile({"fine.example", std::move(rule)});
  if (compiled) return "accepted";
  EXPECT_EQ(compiled.error().kind, ErrorKind::invalid_argument);
  EXPECT_THAT(compiled.error().message, HasSubstr("allowed_hosts[1]"));
  return compiled.error().message;
}

TEST(HostRules, EmptyAllowsNothing) {
  EXPECT_EQ(judge(HostRules(), "https://example.com/"), "allowed_hosts is empty");
  EXPECT_EQ(judge(rules_of({}), "https://example.com/"), "no rule names the host example.com");
  EXPECT_FALSE(HostRules().judge_tunnel("example.com", 443).allowed);
}

TEST(HostRules, NamesMatchExactly) {
  const HostRules rules = rules_of({"api.example.com"});
  for (const char* url : {"https://api.example.com/", "https://API.EXAMPLE.COM./x",
                          "http://api.example.com/", "https://api.example.com:443/"}) {
    EXPECT_EQ(judge(rules, url), "rule 0") << url;
  }
  for (const char* url :
       {"https://evil.example/?api.example.com", "https://api.example.com.evil.example/",
        "https://evilapi.example.com/", "https://example.com/", "https://x.api.example.com/",
        "https://evil.example/api.example.com", "https://evil.example#api.example.com",
        "https://api-example.com/", "https://api.example.co/"}) {
    EXPECT_THAT(judge(rules, url), HasSubstr("no rule names the host")) << url;
  }
}

TEST(HostRules, InternationalNamesMatchInEverySpelling) {
  for (const char* rule : {"b\xc3\xbc"
                           "cher.example",
                           "B\xc3\x9c"
                           "CHER.EXAMPLE.",
                           "xn--bcher-kva.example", "XN--BCHER-KVA.example"}) {
    const HostRules rules = rules_of({rule});
    EXPECT_EQ(judge(rules,
                    "https://b\xc3\xbc"
                    "cher.example/"),
              "rule 0")
        << rule;
    EXPECT_EQ(judge(rules, "https://xn--BCHER-kva.example./"), "rule 0") << rule;
    EXPECT_NE(judge(rules, "https://bucher.example/"), "rule 0") << rule;
  }
  // A homograph is another name.
  EXPECT_NE(judge(rules_of({"apple.example"}), "https://\xd0\xb0pple.example/"), "rule 0");
}

TEST(HostRules, WildcardsCoverSubdomainsButNotTheApex) {
  const HostRules rules = rules_of({"*.example.com", "*.b.c.example.org"});
  EXPECT_EQ(judge(rules, "https://a.example.com/"), "rule 0");
  EXPECT_EQ(judge(rules, "https://a.b.c.d.example.com/"), "rule 0");
  EXPECT_EQ(judge(rules, "https://a.b.c.example.org/"), "rule 1");
  for (const char* url : {"https://example.com/", "https://notexample.com/",
                          "https://a.example.com.evil.example/", "https://b.c.example.org/",
                          "https://c.example.org/", "https://example.org/", "https://com/"}) {
    EXPECT_THAT(judge(rules, url), HasSubstr("no rule names the host")) << url;
  }
}

TEST(HostRules, NamesOfMaximalDepthAreJudged) {
  std::string name = "a";
  for (int i = 0; i < 126; ++i) name += ".a";  // 127 labels
  EXPECT_EQ(judge(rules_of({"*.a.a"}), "https://" + name + "/"), "rule 0");
  EXPECT_EQ(judge(rules_of({"*.a.b"}), "https://" + name + "/"), "no rule names the host " + name);
}

TEST(HostRules, WithoutPortMeansTheDefaultPortOfEachScheme) {
  const HostRules rules = rules_of({"example.com"});
  EXPECT_EQ(judge(rules, "https://example.com/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://example.com/"), "rule 0");
  EXPECT_EQ(judge(rules, "https://example.com:8080/"),
            "allowed_hosts[0] allows ports 443 and 80, not 8080");
  EXPECT_EQ(judge(rules, "http://example.com:443/"),
            "allowed_hosts[0] does not allow http on port 443, only https");
  EXPECT_EQ(judge(rules, "https://example.com:80/"),
            "allowed_hosts[0] does not allow https on port 80, only http");
}

TEST(HostRules, PortsAndSchemes) {
  const HostRules rules =
      rules_of({"https://a.example", "http://b.example", "c.example:8080", "https://d.example:8443",
                "e.example:8000-8999", "http://f.example:1-65535"});
  EXPECT_EQ(judge(rules, "https://a.example/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://a.example/"), "allowed_hosts[0] allows port 443, not 80");
  EXPECT_EQ(judge(rules, "http://b.example/"), "rule 1");
  EXPECT_EQ(judge(rules, "https://b.example/"), "allowed_hosts[1] allows port 80, not 443");
  EXPECT_EQ(judge(rules, "http://c.example:8080/"), "rule 2");
  EXPECT_EQ(judge(rules, "https://c.example:8080/"), "rule 2");
  EXPECT_EQ(judge(rules, "https://c.example/"), "allowed_hosts[2] allows port 8080, not 443");
  EXPECT_EQ(judge(rules, "https://d.example:8443/"), "rule 3");
  EXPECT_EQ(judge(rules, "http://d.example:8443/"),
            "allowed_hosts[3] does not allow http on port 8443, only https");
  EXPECT_EQ(judge(rules, "https://e.example:8000/"), "rule 4");
  EXPECT_EQ(judge(rules, "https://e.example:8999/"), "rule 4");
  EXPECT_EQ(judge(rules, "https://e.example:7999/"),
            "allowed_hosts[4] allows ports 8000 to 8999, not 7999");
  EXPECT_NE(judge(rules, "https://e.example:9000/"), "rule 4");
  EXPECT_EQ(judge(rules, "http://f.example:65535/"), "rule 5");
  EXPECT_NE(judge(rules, "https://f.example/"), "rule 5");
}

TEST(HostRules, Methods) {
  const HostRules rules = rules_of({HostRule("a.example", {"GET", "HEAD"}), HostRule("b.example"),
                                    HostRule("c.example", {"TRACE"})});
  EXPECT_EQ(judge(rules, "https://a.example/", "GET"), "rule 0");
  EXPECT_EQ(judge(rules, "https://a.example/", "HEAD"), "rule 0");
  EXPECT_EQ(judge(rules, "https://a.example/", "POST"),
            "allowed_hosts[0] allows only GET and HEAD, not POST");
  EXPECT_EQ(judge(rules, "https://a.example/", "get"),
            "allowed_hosts[0] allows only GET and HEAD, not get");
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"}) {
    EXPECT_EQ(judge(rules, "https://b.example/", method), "rule 1") << method;
  }
  EXPECT_EQ(judge(rules, "https://b.example/", "TRACE"),
            "allowed_hosts[1] does not list the method TRACE");
  EXPECT_EQ(judge(rules, "https://b.example/", "CONNECT"),
            "CONNECT opens a tunnel; a request never may");
  EXPECT_EQ(judge(rules, "https://c.example/", "TRACE"), "rule 2");
  EXPECT_EQ(judge(rules, "https://c.example/", "GET"),
            "allowed_hosts[2] allows only TRACE, not GET");
}

TEST(HostRules, PathPrefixes) {
  const HostRules rules = rules_of(
      {"https://a.example/public", "b.example:8080/x/", "https://c.example/a%2fb/%7euser"});
  for (const char* url : {"https://a.example/public", "https://a.example/public/",
                          "https://a.example/public/x?y=../..", "https://a.example/x/../public/y",
                          "https://a.example/public/a%2Fb", "https://a.example/%70ublic/x",
                          "https://a.example/public/./x"}) {
    EXPECT_EQ(judge(rules, url), "rule 0") << url;
  }
  for (const char* url :
       {"https://a.example/", "https://a.example/publicity", "https://a.example/public/../secret",
        "https://a.example/public/%2e%2e/secret", "https://a.example/public/%2E%2e",
        "https://a.example//public/", "https://a.example/PUBLIC/", "https://a.example/public%2Fx",
        "https://a.example/?/public", "https://a.example/#/public", "https://a.example/public;x"}) {
    EXPECT_EQ(judge(rules, url), "allowed_hosts[0] allows only paths under /public") << url;
  }
  for (const char* url :
       {"https://a.example/public/..%2fsecret", "https://a.example/public/%2e%2e%2fsecret",
        "https://a.example/public/..%5csecret", "https://a.example/public/%252e%252e/secret",
        "https://a.example/public/..;/secret", "https://a.example/public/x%00"}) {
    EXPECT_THAT(judge(rules, url), HasSubstr("a server could read this path as another one"))
        << url;
  }
  EXPECT_EQ(judge(rules, "http://b.example:8080/x/y"), "rule 1");
  EXPECT_EQ(judge(rules, "http://b.example:8080/x"),
            "allowed_hosts[1] allows only paths under /x/");
  EXPECT_EQ(judge(rules, "https://c.example/a%2Fb/~user/z"), "rule 2");
  // Without a path in the rule, encodings are the server's business.
  EXPECT_EQ(judge(rules_of({"a.example"}), "https://a.example/public/..%2fsecret"), "rule 0");
}

TEST(HostRules, NestedPathsOfOneHostAreAllAsked) {
  const HostRules rules = rules_of(
      {HostRule("https://a.example/a/b", {"GET"}), HostRule("https://a.example/a/", {"POST"}),
       HostRule("https://a.example/a", {"PUT"}), HostRule("https://a.example/a/b/c/", {"PATCH"}),
       HostRule("https://a.example:1-9000/a/b", {"DELETE"}),
       HostRule("https://a.example", {"OPTIONS"}), HostRule("https://a.example/a/bb", {"LINK"})});
  const auto allowed = [&](std::string_view path) {
    std::string methods;
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "LINK"}) {
      if (rules.judge(target_of("https://a.example" + std::string(path)), method).allowed)
        methods += std::string(methods.empty() ? "" : " ") + method;
    }
    return methods;
  };
  EXPECT_EQ(allowed("/"), "OPTIONS");
  EXPECT_EQ(allowed("/a"), "PUT OPTIONS");
  EXPECT_EQ(allowed("/a/"), "POST PUT OPTIONS");
  EXPECT_EQ(allowed("/a/b"), "GET POST PUT DELETE OPTIONS");
  EXPECT_EQ(allowed("/a/b/"), "GET POST PUT DELETE OPTIONS");
  EXPECT_EQ(allowed("/a/b/c"), "GET POST PUT DELETE OPTIONS");
  EXPECT_EQ(allowed("/a/b/c/d"), "GET POST PUT PATCH DELETE OPTIONS");
  EXPECT_EQ(allowed("/a/bb"), "POST PUT OPTIONS LINK");
  EXPECT_EQ(allowed("/a/bbb"), "POST PUT OPTIONS");
  EXPECT_EQ(allowed("/a//b"), "POST PUT OPTIONS");
}

TEST(HostRules, AnyRuleThatAllowsSuffices) {
  const HostRules rules =
      rules_of({HostRule("https://a.example/x", {"GET"}), HostRule("https://a.example/y", {"POST"}),
                HostRule("*.example:8080"), HostRule("a.example:9000")});
  EXPECT_EQ(judge(rules, "https://a.example/x", "GET"), "rule 0");
  EXPECT_EQ(judge(rules, "https://a.example/y", "POST"), "rule 1");
  EXPECT_EQ(judge(rules, "https://a.example/x", "POST"),
            "allowed_hosts[0] allows only GET, not POST");
  EXPECT_EQ(judge(rules, "http://a.example:8080/"), "rule 2");
  EXPECT_EQ(judge(rules, "http://a.example:9000/"), "rule 3");
}

TEST(HostRules, ADenialLooksAtSomeOfManyRulesAndStaysADenial) {
  for (const std::string host : {"many.example", "*.many.example", "10.0.0.0/8"}) {
    std::vector<HostRule> list;
    for (int port = 1; port <= 500; ++port) {
      list.emplace_back(fmt::format("http://{}:{}", host, port));
    }
    list.emplace_back("https://*");  // covers another scheme
    const auto rules = rules_of(list);
    const std::string name = host.starts_with("*")   ? "a.many.example"
                             : host.starts_with("1") ? "10.1.2.3"
                                                     : "many.example";
    EXPECT_THAT(judge(rules, "http://" + name + ":501/"), HasSubstr("allowed_hosts[0]"));
    EXPECT_EQ(judge(rules, "http://" + name + ":500/"), "rule 499");
  }
}

TEST(HostRules, AddressesMustBeListed) {
  const HostRules rules =
      rules_of({"127.0.0.1:8080", "10.0.0.0/8:8000-8999", "[::1]:8080", "fc00::/7",
                "[fd00::1]:9000", "[fd00::]/16:9001", "93.184.216.34", "https://192.168.0.0/16"});
  EXPECT_EQ(judge(rules, "http://127.0.0.1:8080/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://2130706433:8080/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://[::ffff:7f00:1]:8080/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://127.0.0.2:8080/"),
            "no rule lists the address 127.0.0.2, a loopback address");
  EXPECT_EQ(judge(rules, "http://localhost:8080/"), "no rule names the host localhost");
  EXPECT_EQ(judge(rules, "http://127.0.0.1/"), "allowed_hosts[0] allows port 8080, not 80");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:8500/"), "rule 1");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:9500/"),
            "allowed_hosts[1] allows ports 8000 to 8999, not 9500");
  EXPECT_EQ(judge(rules, "http://11.1.2.3:8500/"), "no rule lists the address 11.1.2.3");
  EXPECT_EQ(judge(rules, "http://[::1]:8080/"), "rule 2");
  EXPECT_EQ(judge(rules, "http://[0::0:1]:8080/"), "rule 2");
  EXPECT_EQ(judge(rules, "http://[fd12::1]/"), "rule 3");
  EXPECT_EQ(judge(rules, "http://[fd00::1]:9000/"), "rule 4");
  EXPECT_EQ(judge(rules, "http://[fd00::2]:9001/"), "rule 5");
  EXPECT_EQ(judge(rules, "http://93.184.216.34/"), "rule 6");
  EXPECT_EQ(judge(rules, "https://192.168.3.4/"), "rule 7");
  EXPECT_EQ(judge(rules, "http://192.168.3.4/"), "allowed_hosts[7] allows port 443, not 80");
  // Forms that carry a listed IPv4 address are other addresses.
  EXPECT_NE(judge(rules, "http://[64:ff9b::127.0.0.1]:8080/"), "rule 0");
  EXPECT_NE(judge(rules, "http://[::127.0.0.1]:8080/"), "rule 0");
  EXPECT_NE(judge(rules, "http://[2002:7f00:1::]:8080/"), "rule 0");
}

TEST(HostRules, NestedRangesAnswerForTheirOwnPorts) {
  const HostRules rules =
      rules_of({"10.0.0.0/8:1000", "10.1.0.0/16:2000", "10.1.2.0/24:3000", "10.1.2.3:4000",
                "0.0.0.0/0:5000", "10.2.0.0/16:2000", "[::]/0:6000", "[2001:db8::]/32:7000"});
  EXPECT_EQ(judge(rules, "http://10.1.2.3:1000/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:2000/"), "rule 1");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:3000/"), "rule 2");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:4000/"), "rule 3");
  EXPECT_EQ(judge(rules, "http://10.1.2.3:5000/"), "rule 4");
  EXPECT_EQ(judge(rules, "http://10.1.3.4:3000/"), "allowed_hosts[1] allows port 2000, not 3000");
  EXPECT_EQ(judge(rules, "http://10.2.255.255:2000/"), "rule 5");
  EXPECT_EQ(judge(rules, "http://10.255.0.1:1000/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://9.9.9.9:5000/"), "rule 4");
  EXPECT_EQ(judge(rules, "http://[2001:db8::1]:6000/"), "rule 6");
  EXPECT_EQ(judge(rules, "http://[2001:db8::1]:7000/"), "rule 7");
  EXPECT_NE(judge(rules, "http://10.1.2.3:6000/"), "rule 6");  // families never mix
}

TEST(HostRules, StarMeansPublicHostsOnly) {
  const HostRules rules = rules_of({"*"});
  EXPECT_EQ(judge(rules, "https://anything.example/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://93.184.216.34/"), "rule 0");
  EXPECT_EQ(judge(rules, "https://[2606:2800:220:1::1]/"), "rule 0");
  EXPECT_EQ(judge(rules, "https://anything.example:8080/"),
            "allowed_hosts[0] allows ports 443 and 80, not 8080");
  EXPECT_EQ(
      judge(rules, "http://127.0.0.1/"),
      "no rule lists the address 127.0.0.1, a loopback address (\"*\" covers public hosts only)");
  EXPECT_EQ(judge(rules, "http://localhost/"),
            "no rule names the host localhost (\"*\" covers public hosts only)");
  for (const char* host : {"0x7f.1",
                           "10.0.0.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "[::1]",
                           "[fc00::1]",
                           "[fe80::1]",
                           "[::ffff:127.0.0.1]",
                           "[64:ff9b::7f00:1]",
                           "0.0.0.0",
                           "0",
                           "[::]",
                           "[::127.0.0.1]",
                           "[2002:7f00:1::]",
                           "224.0.0.1",
                           "255.255.255.255",
                           "192.168.0.1",
                           "[ff02::1]",
                           "LOCALHOST.",
                           "x.localhost",
                           "[64:ff9b::]"}) {
    EXPECT_NE(judge(rules, std::string("http://") + host + "/"), "rule 0") << host;
  }
  const HostRules on_any_port = rules_of({"https://*:1-65535/api"});
  EXPECT_EQ(judge(on_any_port, "https://anything.example:8080/api/x"), "rule 0");
  EXPECT_NE(judge(on_any_port, "https://127.0.0.1:8080/api/x"), "rule 0");
}

TEST(HostAddresses, PublicOnesAreReached) {
  const HostRules rules = rules_of({"api.example.com", "*"});
  EXPECT_EQ(connect(rules, "https://api.example.com/", "93.184.216.34"), "yes");
  EXPECT_EQ(connect(rules, "https://api.example.com/", "2606:2800:220:1::1"), "yes");
  EXPECT_EQ(connect(rules, "https://api.example.com/", "64:ff9b::5db8:d822"), "yes");
  EXPECT_EQ(connect(rules, "https://other.example/", "93.184.216.34"), "yes");
}

TEST(HostAddresses, SpecialPurposeOnesAreRefused) {
  const HostRules rules =
      rules_of({"api.example.com", "*", "127.0.0.1", "10.0.0.0/8", "localhost"});
  for (const char* address : {"127.0.0.1",       "127.8.8.8",  "10.0.0.1",
                              "169.254.169.254", "100.64.0.1", "::1",
                              "fc00::1",         "fe80::1",    "::ffff:127.0.0.1",
                              "64:ff9b::7f00:1", "64:ff9b::",  "0.0.0.0",
                              "192.168.1.1",     "172.16.0.1", "224.0.0.1",
                              "255.255.255.255", "::",         "2002:7f00:1::",
                              "198.18.0.1",      "192.0.2.1",  "fd00:ec2::254",
                              "168.63.129.16"}) {
    EXPECT_THAT(connect(rules, "https://api.example.com/", address),
                HasSubstr("which no rule lists"))
        << address;
    EXPECT_THAT(connect(rules, "https://other.example/", address), HasSubstr("which no rule lists"))
        << address;
  }
  EXPECT_EQ(connect(rules, "https://api.example.com/", "127.0.0.1"),
            "api.example.com resolves to 127.0.0.1, a loopback address, which no rule lists");
}

TEST(HostAddresses, LocalhostIsTheLoopbackOfThisMachine) {
  const HostRules rules = rules_of({"localhost:8080"});
  EXPECT_EQ(judge(rules, "http://localhost:8080/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://LOCALHOST.:8080/"), "rule 0");
  EXPECT_EQ(judge(rules, "http://127.0.0.1:8080/"),
            "no rule lists the address 127.0.0.1, a loopback address");
  EXPECT_EQ(judge(rules, "http://x.localhost:8080/"), "no rule names the host x.localhost");
  EXPECT_EQ(connect(rules, "http://localhost:8080/", "127.0.0.1"), "yes");
  EXPECT_EQ(connect(rules, "http://localhost:8080/", "::1"), "yes");
  EXPECT_THAT(connect(rules, "http://localhost:8080/", "10.0.0.1"),
              HasSubstr("a private address, which no rule lists"));
  EXPECT_THAT(connect(rules, "http://localhost:8080/", "127.0.0.2"),
              HasSubstr("which no rule lists"));
}

TEST(HostAddresses, NamesMayLeadToListedAddresses) {
  const HostRules rules = rules_of({HostRule("*"), HostRule("db.example", {}, {"10.0.0.0/8"}),
                                    HostRule("db.example", {}, {"fd00::/8"}),
                                    HostRule("*.corp.example", {}, {"192.168.0.0/16"}),
                                    HostRule("https://db.example/admin", {}, {"172.16.0.0/12"})});
  EXPECT_EQ(connect(rules, "https://db.example/", "10.1.2.3"), "yes");
  EXPECT_EQ(connect(rules, "https://db.example/", "fd00::1"), "yes");
  EXPECT_EQ(connect(rules, "https://db.example/", "93.184.216.34"), "yes");
  EXPECT_THAT(connect(rules, "https://db.example/", "127.0.0.1"), HasSubstr("which no rule lists"));
  EXPECT_THAT(connect(rules, "https://db.example/", "192.168.0.1"),
              HasSubstr("which no rule lists"));
  // Another rule's addresses count only for the requests that it allows.
  EXPECT_THAT(connect(rules, "https://db.example/", "172.16.0.1"),
              HasSubstr("which no rule lists"));
  EXPECT_EQ(connect(rules, "https://db.example/admin/x", "172.16.0.1"), "yes");
  EXPECT_EQ(connect(rules, "https://a.corp.example/", "192.168.7.7"), "yes");
  EXPECT_THAT(connect(rules, "https://other.example/", "10.1.2.3"),
              HasSubstr("which no rule lists"));
  // The address itself is not opened by a name that leads to it.
  EXPECT_NE(judge(rules, "https://10.1.2.3/"), "rule 1");
}

TEST(HostAddresses, AnAddressIsReachedAtItself) {
  const HostRules rules = rules_of({"127.0.0.1:8080", "10.0.0.0/8"});
  EXPECT_EQ(connect(rules, "http://127.0.0.1:8080/", "127.0.0.1"), "yes");
  EXPECT_EQ(connect(rules, "http://127.0.0.1:8080/", "127.0.0.2"),
            "the request is for 127.0.0.1, and the socket leads to 127.0.0.2, a loopback address");
  EXPECT_THAT(connect(rules, "http://10.0.0.1/", "93.184.216.34"),
              HasSubstr("the socket leads to"));
}

TEST(HostAddresses, WithoutAGrantNothingIsReached) {
  const HostRules rules = rules_of({"api.example.com"});
  const CanonicalTarget target = target_of("https://evil.example/");
  EXPECT_FALSE(
      rules.judge_address(target, rules.judge(target, "GET"), *IpAddress::parse("93.184.216.34"))
          .allowed);
  EXPECT_FALSE(
      HostRules()
          .judge_address(target, HostAnswer{.allowed = true}, *IpAddress::parse("93.184.216.34"))
          .allowed);
}

TEST(HostTunnels, NeedARuleWithoutLimitsInside) {
  const HostRules rules = rules_of(
      {HostRule("a.example"), HostRule("b.example", {"GET"}), HostRule("https://c.example/x"),
       HostRule("d.example", {"GET", "CONNECT"}), HostRule("http://e.example"),
       HostRule("f.example:22"), HostRule("127.0.0.1:5432"), HostRule("*.g.example")});
  EXPECT_TRUE(rules.judge_tunnel("a.example", 443).allowed);
  EXPECT_EQ(rules.judge_tunnel("a.example", 80).reason,
            "allowed_hosts[0] does not allow https on port 80, only http");
  EXPECT_EQ(rules.judge_tunnel("a.example", 22).reason,
            "allowed_hosts[0] allows ports 443 and 80, not 22");
  EXPECT_EQ(rules.judge_tunnel("b.example", 443).reason,
            "allowed_hosts[1] limits methods, which nobody can check inside a tunnel");
  EXPECT_EQ(rules.judge_tunnel("c.example", 443).reason,
            "allowed_hosts[2] limits paths, which nobody can check inside a tunnel");
  EXPECT_TRUE(rules.judge_tunnel("d.example", 443).allowed);
  EXPECT_FALSE(rules.judge_tunnel("e.example", 80).allowed);
  EXPECT_TRUE(rules.judge_tunnel("f.example", 22).allowed);
  EXPECT_TRUE(rules.judge_tunnel("127.0.0.1", 5432).allowed);
  EXPECT_FALSE(rules.judge_tunnel("127.0.0.2", 5432).allowed);
  EXPECT_TRUE(rules.judge_tunnel("x.g.example", 443).allowed);
  EXPECT_FALSE(rules.judge_tunnel("evil.example", 443).allowed);
  EXPECT_FALSE(rules.judge_tunnel("", 443).allowed);
}

TEST(HostRules, BadRulesSayWhatToWrite) {
  EXPECT_THAT(compile_error(""), HasSubstr("is empty"));
  EXPECT_THAT(compile_error(" example.com"), HasSubstr("space"));
  EXPECT_THAT(compile_error("exa mple.com"), HasSubstr("space"));
  EXPECT_THAT(compile_error("example.com\n"), HasSubstr("control character"));
  EXPECT_THAT(compile_error("ftp://example.com"), HasSubstr("only http and https"));
  EXPECT_THAT(compile_error("https://"), HasSubstr("no host"));
  EXPECT_THAT(compile_error("https://user@example.com"), HasSubstr("user info"));
  EXPECT_THAT(compile_error("example.com?x"), HasSubstr("query"));
  EXPECT_THAT(compile_error("example.com#x"), HasSubstr("fragment"));
  EXPECT_THAT(compile_error("example.com\\x"), HasSubstr("backslash"));
  EXPECT_THAT(compile_error("example.com:"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(compile_error("example.com:0"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(compile_error("example.com:65536"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(compile_error("example.com:*"), HasSubstr("1-65535"));
  EXPECT_THAT(compile_error("example.com:https"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(compile_error("example.com:9-8"), HasSubstr("ends before it begins"));
  EXPECT_THAT(compile_error("example.com:8-"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(compile_error("api.*.example.com"), HasSubstr("*.example.com"));
  EXPECT_THAT(compile_error("*example.com"), HasSubstr("*.example.com"));
  EXPECT_THAT(compile_error("*.*.example.com"), HasSubstr("*.example.com"));
  EXPECT_THAT(compile_error("**"), HasSubstr("*.example.com"));
  EXPECT_THAT(compile_error("*."), HasSubstr("no host"));
  EXPECT_THAT(compile_error("*.10.0.0.1"), HasSubstr("10.0.0.0/8"));
  EXPECT_THAT(compile_error("example..com"), HasSubstr("empty label"));
  EXPECT_THAT(compile_error("ex%61mple.com"), HasSubstr("percent-encoded"));
  EXPECT_THAT(compile_error("10.0.0.1/8"), HasSubstr("write 10.0.0.0/8 for the range"));
  EXPECT_THAT(compile_error("10.0.0.0/33"), HasSubstr("prefix length 33"));
  EXPECT_THAT(compile_error("127.1"), HasSubstr("write 127.0.0.1"));
  EXPECT_THAT(compile_error("2130706433"), HasSubstr("write 127.0.0.1"));
  EXPECT_THAT(compile_error("0x7f.1:80"), HasSubstr("write 127.0.0.1"));
  EXPECT_THAT(compile_error("10/8"), HasSubstr("write 0.0.0.10"));
  EXPECT_THAT(compile_error("1.2.3.4.5"), HasSubstr("not an IPv4 address"));
  EXPECT_THAT(compile_error("[::1"), HasSubstr("closing bracket"));
  EXPECT_THAT(compile_error("[fc00::/7]"), HasSubstr("[fc00::]/7"));
  EXPECT_THAT(compile_error("fe80::1%eth0"), HasSubstr("zone"));
  EXPECT_THAT(compile_error("fc00::/7:443"), HasSubstr("[fc00::]/7:443"));
  EXPECT_THAT(compile_error("a:b:c"), HasSubstr("no IPv6 address"));
  EXPECT_THAT(compile_error("[::1]x"), HasSubstr("other than a port"));
  EXPECT_THAT(compile_error("example.com/a/../b"), HasSubstr("write the path plainly"));
  EXPECT_THAT(compile_error("example.com/a/%2e%2e/b"), HasSubstr("write the path plainly"));
  EXPECT_THAT(compile_error("example.com/a/..%2fb"), HasSubstr("write the path plainly"));
  EXPECT_THAT(compile_error("example.com/%"), HasSubstr("percent sign"));
  EXPECT_THAT(compile_error("example.com/" + std::string(max_url_bytes, 'a')),
              HasSubstr(fmt::format("longer than {} bytes", max_url_bytes)));
  EXPECT_THAT(compile_error(HostRule("example.com", std::vector<std::string>(65, "GET"))),
              HasSubstr("more than 64 methods"));
  EXPECT_THAT(compile_error(HostRule("example.com", {"get"})), HasSubstr("upper case"));
  EXPECT_THAT(compile_error(HostRule("example.com", {""})), HasSubstr("upper case"));
  EXPECT_THAT(compile_error(HostRule("example.com", {"*"})),
              HasSubstr("none at all for every method"));
  EXPECT_THAT(compile_error(HostRule("example.com", {"GET POST"})), HasSubstr("upper case"));
  EXPECT_THAT(compile_error(HostRule("example.com", {}, {"10.0.0.1/8"})),
              HasSubstr("no bits beyond the prefix"));
  EXPECT_THAT(compile_error(HostRule("example.com", {}, {"other.example"})),
              HasSubstr("an address or a range"));
  EXPECT_THAT(compile_error(HostRule("example.com", {}, {"93.184.216.34"})),
              HasSubstr("which is public"));
  EXPECT_THAT(compile_error(HostRule("10.0.0.1", {}, {"10.0.0.0/8"})),
              HasSubstr("where a name may lead"));
  EXPECT_THAT(
      compile_error(HostRule("example.com", {}, std::vector<std::string>(257, "10.0.0.0/8"))),
      HasSubstr("more than 256"));
}

TEST(HostRules, GoodRulesInTheirForms) {
  for (const char* rule : {"example.com",
                           "EXAMPLE.com.",
                           "*.example.com",
                           "*",
                           "https://*",
                           "*:8080",
                           "*.example.com:8000-9000/x",
                           "https://example.com/",
                           "http://example.com:1",
                           "10.0.0.0/8",
                           "10.0.0.0/8/",
                           "10.0.0.0/8/api",
                           "10.0.0.0/8:80/api",
                           "10.0.0.1/32",
                           "10.0.0.1/api",
                           "10.0.0.1/12345/x",
                           "https://10.0.0.0/8",
                           "::1",
                           "::/0",
                           "fc00::/7",
                           "fc00::/7/api",
                           "[::1]",
                           "[::1]:80",
                           "[::1]/x",
                           "[fc00::]/7",
                           "[fc00::]/7:80/x",
                           "https://[::1]",
                           "::ffff:10.0.0.1",
                           "localhost",
                           "my_host",
                           "a"}) {
    EXPECT_EQ(compile_error(rule), "accepted") << rule;
  }
}

TEST(HostRules, TextNamesTheRule) {
  const HostRules rules = rules_of({"a.example", "*.example.org"});
  EXPECT_EQ(rules.judge(target_of("https://x.example.org/"), "GET").rule,
            "allowed_hosts[1] \"*.example.org\"");
  EXPECT_EQ(rules.judge(target_of("https://x.example.org:99/"), "GET").rule,
            "allowed_hosts[1] \"*.example.org\"");
  EXPECT_EQ(rules.judge(target_of("https://b.example/"), "GET").rule, "");
}

TEST(HostRules, AnswersOutliveAMoveOfTheRules) {
  HostRules rules = rules_of({"a.example"});
  const HostAnswer answer = rules.judge(target_of("https://a.example/"), "GET");
  const HostRules moved = std::move(rules);
  EXPECT_EQ(answer.rule, "allowed_hosts[0] \"a.example\"");
  EXPECT_TRUE(moved
                  .judge_address(target_of("https://a.example/"), answer,
                                 *IpAddress::parse("93.184.216.34"))
                  .allowed);
}

TEST(HostRules, TenThousandRulesAreAskedLikeTen) {
  std::vector<HostRule> many;
  for (unsigned i = 0; i < 10'000; ++i) {
    switch (i % 4) {
      case 0:
        many.emplace_back("host" + std::to_string(i) + ".example");
        break;
      case 1:
        many.emplace_back("*.zone" + std::to_string(i) + ".example");
        break;
      case 2:
        many.emplace_back(IpRange::of(IpAddress::from_v4(0x14000000 + (i << 8)), 24).to_string());
        break;
      default:
        many.emplace_back("one.example:" + std::to_string(1024 + i));
        break;
    }
  }
  const HostRules rules = rules_of(many);
  for (const unsigned i : {0U, 4000U, 9996U}) {
    EXPECT_EQ(judge(rules, "https://host" + std::to_string(i) + ".example/"),
              "rule " + std::to_string(i));
    EXPECT_EQ(judge(rules, "https://a.zone" + std::to_string(i + 1) + ".example/"),
              "rule " + std::to_string(i + 1));
    EXPECT_EQ(
        judge(rules,
              "https://" + IpAddress::from_v4(0x14000000 + ((i + 2) << 8) + 7).to_string() + "/"),
        "rule " + std::to_string(i + 2));
    EXPECT_EQ(judge(rules, "https://one.example:" + std::to_string(1024 + i + 3) + "/"),
              "rule " + std::to_string(i + 3));
  }
}

}  // namespace
}  // namespace omnisandbox::policy
