#include "egress/address_guard.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "omnisandbox/policy.h"

namespace omnisandbox::egress {
namespace {

using policy::CanonicalTarget;
using policy::CompiledPolicy;
using ::testing::HasSubstr;

std::string judge(const CompiledPolicy& compiled, const std::string& url,
                  const std::string& address) {
  const auto target = policy::canonicalise_url(url);
  const auto grant = compiled.judge_request(*target, "GET", url);
  if (!grant) return "not granted";
  const AddressGuard guard(compiled, *target, *grant, url);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  const bool is_v6 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) != 1;
  if (is_v6 && ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) return "no address";
  const auto judged = is_v6 ? guard.judge(reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
                            : guard.judge(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  if (judged) return "yes";
  EXPECT_EQ(judged.error().resource, url);
  return judged.error().reason;
}

TEST(AddressGuard, EveryLayerIsAskedForTheAddress) {
  const auto base = Policy::compile(
      Config{.capabilities = {Capability::net_http},
             .allowed_hosts = {HostRule("db.example", {}, {"10.0.0.0/8"}), HostRule("*")}});
  ASSERT_TRUE(base) << base.error().message;
  const auto narrow = base->narrow(
      Config{.capabilities = {Capability::net_http},
             .allowed_hosts = {HostRule("db.example", {}, {"10.1.0.0/16", "192.168.0.0/16"})}});
  ASSERT_TRUE(narrow) << narrow.error().message;

  EXPECT_EQ(judge(base->compiled(), "http://db.example/", "10.2.0.1"), "yes");
  EXPECT_EQ(judge(narrow->compiled(), "http://db.example/", "10.1.0.1"), "yes");
  EXPECT_EQ(judge(narrow->compiled(), "http://db.example/", "93.184.216.34"), "yes");
  EXPECT_EQ(judge(narrow->compiled(), "http://db.example/", "::ffff:10.1.0.1"), "yes");
  EXPECT_THAT(judge(narrow->compiled(), "http://db.example/", "10.2.0.1"),
              HasSubstr("which no rule lists"));
  EXPECT_THAT(judge(narrow->compiled(), "http://db.example/", "192.168.0.1"),
              HasSubstr("which no rule lists"));
  EXPECT_THAT(judge(narrow->compiled(), "http://db.example/", "::1"),
              HasSubstr("a loopback address, which no rule lists"));
  EXPECT_EQ(judge(narrow->compiled(), "http://other.example/", "93.184.216.34"), "not granted");
}

TEST(AddressGuard, OtherFamiliesAreRefused) {
  const auto allowing =
      Policy::compile(Config{.capabilities = {Capability::net_http}, .allowed_hosts = {"*"}});
  ASSERT_TRUE(allowing);
  const auto target = policy::canonicalise_url("http://a.example/");
  const auto grant = allowing->compiled().judge_request(*target, "GET", "http://a.example/");
  ASSERT_TRUE(grant);
  const AddressGuard guard(allowing->compiled(), *target, *grant, "http://a.example/");
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(guard.judge(reinterpret_cast<const sockaddr*>(&local), sizeof local));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x5db8d822);
  EXPECT_TRUE(guard.judge(reinterpret_cast<const sockaddr*>(&v4), sizeof v4));
  EXPECT_FALSE(guard.judge(reinterpret_cast<const sockaddr*>(&v4), 4));
}

}  // namespace
}  // namespace omnisandbox::egress
