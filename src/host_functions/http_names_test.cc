#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "egress/http_test_server.h"
#include "host_functions/http_test_run.h"
#include "host_functions/network_test_space.h"

// Names that lie: what http_fetch does when DNS says what an attacker wants.
namespace omnisandbox::host_functions {
namespace {

using namespace std::chrono_literals;
using egress::test::RawRequest;
using egress::test::response;
using egress::test::Server;
using test::HttpRun;
using test::in_own_network;
using test::NameServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Server::Script says(std::string body) {
  return Server::answering(
      [body = std::move(body)](const RawRequest&) { return response(200, {}, body); });
}

using Names = std::map<std::string, std::vector<std::string>>;
NameServer::Answers constant(Names names) {
  return [names = std::move(names)](const std::string& name,
                                    int) -> std::optional<std::vector<std::string>> {
    const auto found = names.find(name);
    return found == names.end() ? std::vector<std::string>() : found->second;
  };
}

TEST(HttpNames, PublicAddressesAreReached) {
  in_own_network([](const auto&) {
    NameServer dns(constant({{"api.example.com", {"93.184.216.34"}},
                             {"v6.example.com", {"2606:2800:220:1::1"}},
                             {"xn--bcher-kva.example", {"93.184.216.34"}}}));
    Server v4(Server::answering(
                  [](const RawRequest& request) { return response(200, {}, request.head); }),
              "93.184.216.34", 80);
    Server v6(says("six"), "2606:2800:220:1::1", 80);
    HttpRun run({"api.example.com", "v6.example.com", "xn--bcher-kva.example"});
    EXPECT_THAT(run.answer("http://API.example.com./"), HasSubstr("Host: api.example.com\r\n"));
    EXPECT_EQ(run.answer("http://v6.example.com/"), "200 six");
    EXPECT_THAT(run.answer("http://b\xc3\xbc"
                           "cher.example/"),
                HasSubstr("Host: xn--bcher-kva.example\r\n"));
    HttpRun star({"*"});
    EXPECT_THAT(star.answer("http://api.example.com/"), StartsWith("200"));
    EXPECT_THAT(star.answer("http://93.184.216.34/"), StartsWith("200"));
  });
}

TEST(HttpNames, SpecialPurposeAddressesAreRefused) {
  in_own_network([](const auto&) {
    const Names names = {{"loopback.example", {"127.0.0.1"}},
                         {"other-loopback.example", {"127.9.9.9"}},
                         {"private.example", {"10.0.0.1"}},
                         {"private2.example", {"192.168.7.7"}},
                         {"private3.example", {"172.16.0.1"}},
                         {"metadata.example", {"169.254.169.254"}},
                         {"nat.example", {"100.64.0.1"}},
                         {"zero.example", {"0.0.0.0"}},
                         {"loopback6.example", {"::1"}},
                         {"unique.example", {"fd00::1"}},
                         {"link.example", {"fe80::1"}},
                         {"mapped.example", {"::ffff:127.0.0.1"}},
                         {"mapped10.example", {"::ffff:10.0.0.1"}},
                         {"unspecified.example", {"::"}},
                         {"nat64.example", {"64:ff9b::7f00:1"}},
                         {"nat64zero.example", {"64:ff9b::"}},
                         {"sixtofour.example", {"2002:7f00:1::"}},
                         {"compatible.example", {"::127.0.0.1"}},
                         {"multicast.example", {"224.0.0.1"}},
                         {"broadcast.example", {"255.255.255.255"}},
                         {"both.example", {"127.0.0.1", "::1"}}};
    NameServer dns(constant(names));
    Server v4(says("secret"), "0.0.0.0", 80);
    Server v6(says("secret"), "::", 8080);
    std::vector<HostRule> rules = {"*", "*:8080", "localhost", "127.0.0.1", "10.0.0.0/8"};
    for (const auto& [name, addresses] : names) rules.emplace_back(name);
    for (const auto& [name, addresses] : names) {
      for (const char* port : {"", ":8080"}) {
        HttpRun run(rules);
        const std::string url = "http://" + name + port + "/";
        const auto answer = run.fetch({.url = url});
        ASSERT_FALSE(answer) << url;
        EXPECT_EQ(answer.error().kind, ErrorKind::denied) << url << ": " << answer.error().message;
        ASSERT_TRUE(answer.error().denial) << url;
        EXPECT_EQ(answer.error().denial->resource, url);
        EXPECT_THAT(answer.error().denial->reason, HasSubstr(name + " resolves to ")) << url;
        EXPECT_THAT(answer.error().denial->reason, HasSubstr("which no rule lists")) << url;
        EXPECT_THAT(answer.error().denial->remedy, HasSubstr("addresses: [")) << url;
        ASSERT_EQ(run.records.size(), 1 + addresses.size()) << url;
        EXPECT_EQ(run.decisions()[0], "http_fetch yes");
        EXPECT_EQ(run.decisions()[1], "http_fetch.connect no");
        EXPECT_EQ(run.context->denial_count(), addresses.size()) << url;
      }
    }
    EXPECT_EQ(v4.connections(), 0);
    EXPECT_EQ(v6.connections(), 0);
    // The honest twin: the servers are there.
    EXPECT_EQ(HttpRun({"127.0.0.1"}).answer("http://127.0.0.1/"), "200 secret");
    EXPECT_EQ(HttpRun({"[fd00::1]:8080"}).answer("http://[fd00::1]:8080/"), "200 secret");
  });
}

TEST(HttpNames, RebindingIsSeenWhenTheSocketOpens) {
  in_own_network([](const auto&) {
    NameServer dns([](const std::string&, int nth) {
      return std::vector<std::string>{nth % 2 == 0 ? "93.184.216.34" : "127.0.0.1"};
    });
    Server public_server(says("public"), "93.184.216.34", 80);
    Server local(says("secret"), "127.0.0.1", 80);
    EXPECT_EQ(HttpRun({"rebind.example"}).answer("http://rebind.example/"), "200 public");
    EXPECT_THAT(HttpRun({"rebind.example"}).answer("http://rebind.example/"),
                HasSubstr("resolves to 127.0.0.1, a loopback address, which no rule lists"));
    EXPECT_EQ(local.connections(), 0);
    // Within one run, whatever is cached or kept: never once the loopback.
    HttpRun run({"rebind.example"});
    for (int i = 0; i < 20; ++i) {
      const std::string answer = run.answer("http://rebind.example/");
      EXPECT_TRUE(answer == "200 public" || answer.find("a loopback address") != std::string::npos)
          << answer;
    }
    EXPECT_EQ(local.connections(), 0);
  });
}

TEST(HttpNames, OnlyThePublicOneOfSeveralAddressesIsUsed) {
  in_own_network([](const auto&) {
    NameServer dns(
        constant({{"mixed.example", {"127.0.0.1", "10.0.0.1", "93.184.216.34", "::1"}}}));
    Server public_server(says("public"), "93.184.216.34", 80);
    Server local(says("secret"), "127.0.0.1", 80);
    Server local6(says("secret"), "::1", 80);
    for (int i = 0; i < 10; ++i) {
      HttpRun run({"mixed.example"});
      EXPECT_EQ(run.answer("http://mixed.example/"), "200 public");
    }
    EXPECT_EQ(local.connections(), 0);
    EXPECT_EQ(local6.connections(), 0);
  });
}

TEST(HttpNames, NamesMayLeadToListedAddresses) {
  in_own_network([](const auto&) {
    NameServer dns(constant({{"db.example", {"10.0.0.1"}},
                             {"a.corp.example", {"192.168.7.7"}},
                             {"evil.example", {"10.0.0.1"}}}));
    Server server(says("database"), "0.0.0.0", 80);
    HttpRun run({HostRule("db.example", {}, {"10.0.0.0/8"}),
                 HostRule("*.corp.example", {}, {"192.168.0.0/16"}), HostRule("evil.example")});
    EXPECT_EQ(run.answer("http://db.example/"), "200 database");
    EXPECT_EQ(run.answer("http://a.corp.example/"), "200 database");
    EXPECT_THAT(run.answer("http://evil.example/"),
                HasSubstr("a private address, which no rule lists"));
    EXPECT_THAT(run.answer("http://10.0.0.1/"), HasSubstr("no rule lists the address 10.0.0.1"));
    EXPECT_EQ(server.connections(), 2);
  });
}

TEST(HttpNames, AKeptConnectionNeedsTheGrantOfEachRequest) {
  in_own_network([](const auto&) {
    NameServer dns(constant({{"db.example", {"10.0.0.1"}}}));
    std::atomic<int> requests = 0;
    Server server(Server::answering([&](const RawRequest&) {
                    ++requests;
                    return response(200, {}, "database");
                  }),
                  "0.0.0.0", 80);
    HttpRun run({HostRule("http://db.example/inside", {}, {"10.0.0.0/8"}),
                 HostRule("http://db.example/outside")});
    EXPECT_EQ(run.answer("http://db.example/inside"), "200 database");
    EXPECT_THAT(run.answer("http://db.example/outside"),
                HasSubstr("a private address, which no rule lists"));
    EXPECT_EQ(run.answer("http://db.example/inside"), "200 database");
    EXPECT_EQ(requests, 2);
  });
}

TEST(HttpNames, RedirectsToNamesOfPrivateAddressesAreDenied) {
  in_own_network([](const auto&) {
    NameServer dns(
        constant({{"api.example", {"93.184.216.34"}}, {"inner.example", {"169.254.169.254"}}}));
    Server api(Server::answering([](const RawRequest&) {
                 return response(302, {"Location: http://inner.example/latest/meta-data/"});
               }),
               "93.184.216.34", 80);
    Server metadata(says("secret"), "169.254.169.254", 80);
    HttpRun run({"*"});
    EXPECT_THAT(run.answer("http://api.example/"),
                HasSubstr("inner.example resolves to 169.254.169.254, a cloud metadata address, "
                          "which no rule lists"));
    EXPECT_THAT(run.decisions(),
                ElementsAre("http_fetch yes", "http_fetch.redirect yes", "http_fetch.connect no"));
    EXPECT_EQ(metadata.connections(), 0);
  });
}

TEST(HttpNames, DeniedNamesAreNeverLookedUp) {
  in_own_network([](const auto&) {
    NameServer dns(constant({}));
    HttpRun run({HostRule("api.example", {"GET"}), HostRule("*.data.example:8080")});
    for (const char* url : {"http://c2VjcmV0.evil.example/", "http://secret.api.example/",
                            "http://x.data.example/", "https://api.example:81/"}) {
      EXPECT_THAT(run.answer(url), StartsWith("denied")) << url;
    }
    EXPECT_THAT(run.answer(HttpRequest{.url = "http://api.example/", .method = "POST"}),
                StartsWith("denied"));
    EXPECT_EQ(dns.queries(), 0);
    EXPECT_THAT(run.answer("http://api.example/"),
                HasSubstr("io: GET http://api.example/: the name cannot be resolved"));
    EXPECT_GT(dns.queries(), 0);
  });
}

TEST(HttpNames, ASilentNameServerHoldsNobodyUp) {
  in_own_network([](const auto&) {
    NameServer dns([](const std::string&, int) { return std::nullopt; });
    const auto begin = std::chrono::steady_clock::now();
    {
      EXPECT_THAT(HttpRun({"api.example"}, 300ms).answer("http://api.example/"),
                  StartsWith("timeout: "));
    }
    std::stop_source source;
    std::jthread stopper([&] {
      while (dns.queries() < 2) std::this_thread::sleep_for(5ms);
      std::this_thread::sleep_for(50ms);
      source.request_stop();
    });
    {
      EXPECT_THAT(
          HttpRun({"other.example"}, 60s, source.get_token()).answer("http://other.example/"),
          StartsWith("cancelled: "));
    }
    // The resolver itself gives up after 10 s; an ending that joined it would take as long each
    // time.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
  });
}

}  // namespace
}  // namespace omnisandbox::host_functions
