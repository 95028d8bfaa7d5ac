#include "policy/host/ip_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "policy/host/special_addresses.h"

namespace omnisandbox::policy {
namespace {

std::string spelled(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "refused";
}

TEST(IpAddress, HasOneSpelling) {
  EXPECT_EQ(spelled("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(spelled("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(spelled("::"), "::");
  EXPECT_EQ(spelled("::1"), "::1");
  EXPECT_EQ(spelled("1::"), "1::");
  EXPECT_EQ(spelled("2001:0DB8:0:0:0:0:2:1"), "2001:db8::2:1");
  EXPECT_EQ(spelled("2001:db8:0:1:1:1:1:1"),
            "2001:db8:0:1:1:1:1:1");                          // one zero group is never shortened
  EXPECT_EQ(spelled("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");  // the longest run
  EXPECT_EQ(spelled("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");  // the first of equals
  EXPECT_EQ(spelled("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(spelled("64:ff9b::192.0.2.33"), "64:ff9b::c000:221");
  EXPECT_EQ(spelled("1:2:3:4:5:6:1.2.3.4"), "1:2:3:4:5:6:102:304");
}

TEST(IpAddress, MappedFormIsTheIpv4Address) {
  EXPECT_EQ(spelled("::ffff:127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(spelled("::ffff:7f00:1"), "127.0.0.1");
  EXPECT_EQ(spelled("0:0:0:0:0:FFFF:7F00:0001"), "127.0.0.1");
  EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3"), IpAddress::from_v4(0x0a010203));
  EXPECT_EQ(spelled("::127.0.0.1"), "::7f00:1");  // compatible, not mapped
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.",
                           ".1.2.3",
                           "1..2.3",
                           "01.2.3.4",
                           "1.2.3.256",
                           "1.2.3.1000",
                           "0x7f.0.0.1",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1.2.3.-4",
                           "+1.2.3.4",
                           ":",
                           ":::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1::",
                           "1::2::3",
                           "12345::",
                           "g::",
                           "fe80::1%eth0",
                           "[::1]",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "1.2.3.4::",
                           "::1.2.3.4:5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1::2:3:4:5:6:7:8",
                           ":1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:",
                           "::ffff:1.2.3.04",
                           "-1::",
                           "0x1::"}) {
    EXPECT_EQ(spelled(text), "refused") << text;
  }
}

TEST(IpAddress, ReadsSocketAddresses) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x7f000001);
  const auto* generic_v4 = reinterpret_cast<const sockaddr*>(&v4);
  EXPECT_EQ(IpAddress::from_sockaddr(generic_v4, sizeof v4), IpAddress::parse("127.0.0.1"));
  EXPECT_EQ(IpAddress::from_sockaddr(generic_v4, sizeof v4 - 1), std::nullopt);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:10.0.0.1", &v6.sin6_addr);
  const auto* generic_v6 = reinterpret_cast<const sockaddr*>(&v6);
  EXPECT_EQ(IpAddress::from_sockaddr(generic_v6, sizeof v6), IpAddress::parse("10.0.0.1"));
  EXPECT_EQ(IpAddress::from_sockaddr(generic_v6, sizeof v4), std::nullopt);
  v6.sin6_family = AF_UNIX;
  EXPECT_EQ(IpAddress::from_sockaddr(generic_v6, sizeof v6), std::nullopt);
  EXPECT_EQ(IpAddress::from_sockaddr(nullptr, 0), std::nullopt);
}

TEST(IpRange, ParsesAndHolds) {
  const auto private_range = IpRange::parse("10.0.0.0/8");
  ASSERT_TRUE(private_range);
  EXPECT_TRUE(private_range->contains(*IpAddress::parse("10.255.255.255")));
  EXPECT_TRUE(private_range->contains(*IpAddress::parse("::ffff:10.1.1.1")));
  EXPECT_FALSE(private_range->contains(*IpAddress::parse("11.0.0.0")));
  EXPECT_EQ(private_range->to_string(), "10.0.0.0/8");
  EXPECT_EQ(IpRange::parse("::ffff:10.0.0.0/104"), private_range);
  EXPECT_EQ(IpRange::parse("10.1.2.3/32")->to_string(), "10.1.2.3");
  EXPECT_EQ(IpRange::parse("fc00::/7")->to_string(), "fc00::/7");
  EXPECT_TRUE(IpRange::parse("fc00::/7")->contains(*IpAddress::parse("fdff::1")));
  EXPECT_TRUE(IpRange::parse("2001:db8::/65")->contains(*IpAddress::parse("2001:db8::7fff:0:0:1")));
  EXPECT_FALSE(
      IpRange::parse("2001:db8::/65")->contains(*IpAddress::parse("2001:db8::8000:0:0:1")));
  EXPECT_TRUE(IpRange::parse("10.0.0.0/8")->contains(*IpRange::parse("10.1.0.0/16")));
  EXPECT_FALSE(IpRange::parse("10.1.0.0/16")->contains(*IpRange::parse("10.0.0.0/8")));
}

TEST(IpRange, FamiliesNeverMix) {
  EXPECT_TRUE(IpRange::parse("0.0.0.0/0")->contains(*IpAddress::parse("255.1.2.3")));
  EXPECT_FALSE(IpRange::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(IpRange::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(IpRange::parse("::/0")->contains(*IpAddress::parse("127.0.0.1")));
  EXPECT_FALSE(IpRange::parse("::/80")->contains(*IpAddress::parse("127.0.0.1")));
}

TEST(IpRange, RefusesBadPrefixes) {
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1",
                           "10.0.0.0/8/8", "::/129", "::ffff:0.0.0.0/95", "fe80::1/10", "10/8",
                           "/8", "10.0.0.0/1000", "10.0.0.0/8 "}) {
    EXPECT_EQ(IpRange::parse(text), std::nullopt) << text;
  }
}

std::string kind(std::string_view text) {
  const auto special = special_purpose_of(*IpAddress::parse(text));
  return special ? std::string(special->kind) : "public";
}

TEST(SpecialPurpose, KnowsTheRegistriesOfIpv4) {
  EXPECT_EQ(kind("0.0.0.0"), "an address of \"this network\"");
  EXPECT_EQ(kind("0.255.255.255"), "an address of \"this network\"");
  EXPECT_EQ(kind("1.0.0.0"), "public");
  EXPECT_EQ(kind("9.255.255.255"), "public");
  EXPECT_EQ(kind("10.0.0.0"), "a private address");
  EXPECT_EQ(kind("10.255.255.255"), "a private address");
  EXPECT_EQ(kind("11.0.0.0"), "public");
  EXPECT_EQ(kind("100.63.255.255"), "public");
  EXPECT_EQ(kind("100.64.0.0"), "a carrier-NAT address");
  EXPECT_EQ(kind("100.100.100.200"), "a cloud metadata address");
  EXPECT_EQ(kind("100.127.255.255"), "a carrier-NAT address");
  EXPECT_EQ(kind("100.128.0.0"), "public");
  EXPECT_EQ(kind("127.0.0.1"), "a loopback address");
  EXPECT_EQ(kind("127.255.255.254"), "a loopback address");
  EXPECT_EQ(kind("168.63.129.16"), "a cloud metadata address");
  EXPECT_EQ(kind("168.63.129.17"), "public");
  EXPECT_EQ(kind("169.254.169.254"), "a cloud metadata address");
  EXPECT_EQ(kind("169.254.0.1"), "a link-local address");
  EXPECT_EQ(kind("172.15.255.255"), "public");
  EXPECT_EQ(kind("172.16.0.0"), "a private address");
  EXPECT_EQ(kind("172.31.255.255"), "a private address");
  EXPECT_EQ(kind("172.32.0.0"), "public");
  EXPECT_EQ(kind("192.0.0.192"), "a cloud metadata address");
  EXPECT_EQ(kind("192.0.0.8"), "an address reserved for protocols");
  EXPECT_EQ(kind("192.0.1.0"), "public");
  EXPECT_EQ(kind("192.0.2.1"), "a documentation address");
  EXPECT_EQ(kind("192.88.99.1"), "a 6to4 relay address");
  EXPECT_EQ(kind("192.168.1.1"), "a private address");
  EXPECT_EQ(kind("192.169.0.0"), "public");
  EXPECT_EQ(kind("198.17.255.255"), "public");
  EXPECT_EQ(kind("198.19.255.255"), "a benchmarking address");
  EXPECT_EQ(kind("198.51.100.7"), "a documentation address");
  EXPECT_EQ(kind("203.0.113.7"), "a documentation address");
  EXPECT_EQ(kind("223.255.255.255"), "public");
  EXPECT_EQ(kind("224.0.0.1"), "a multicast address");
  EXPECT_EQ(kind("239.255.255.255"), "a multicast address");
  EXPECT_EQ(kind("240.0.0.1"), "a reserved address");
  EXPECT_EQ(kind("255.255.255.255"), "the broadcast address");
  EXPECT_EQ(kind("8.8.8.8"), "public");
}

TEST(SpecialPurpose, KnowsTheRegistriesOfIpv6) {
  EXPECT_EQ(kind("::"), "the unspecified address");
  EXPECT_EQ(kind("::1"), "a loopback address");
  EXPECT_EQ(kind("::127.0.0.1"), "an IPv4-compatible address");
  EXPECT_EQ(kind("::ffff:127.0.0.1"), "a loopback address");
  EXPECT_EQ(kind("::ffff:8.8.8.8"), "public");
  EXPECT_EQ(kind("::ffff:0:127.0.0.1"), "a reserved address");  // IPv4-translated, RFC 2765
  EXPECT_EQ(kind("64:ff9b:1::1"), "a local NAT64 address");
  EXPECT_EQ(kind("100::1"), "a discard-only address");
  EXPECT_EQ(kind("100:0:0:1::1"), "a reserved address");
  EXPECT_EQ(kind("2001::1"), "a Teredo address");
  EXPECT_EQ(kind("2001:2::1"), "an address reserved for protocols");
  EXPECT_EQ(kind("2001:1ff:ffff::"), "an address reserved for protocols");
  EXPECT_EQ(kind("2001:200::1"), "public");
  EXPECT_EQ(kind("2001:db8::1"), "a documentation address");
  EXPECT_EQ(kind("2002:7f00:1::"), "a 6to4 address");
  EXPECT_EQ(kind("2606:2800:220:1::1"), "public");
  EXPECT_EQ(kind("3fff::1"), "a documentation address");
  EXPECT_EQ(kind("3fff:1000::1"), "public");
  EXPECT_EQ(kind("4000::1"), "a reserved address");
  EXPECT_EQ(kind("5f00::1"), "a segment-routing address");
  EXPECT_EQ(kind("fc00::1"), "a private address");
  EXPECT_EQ(kind("fd00:ec2::254"), "a cloud metadata address");
  EXPECT_EQ(kind("fd20:ce::254"), "a cloud metadata address");
  EXPECT_EQ(kind("fe80::1"), "a link-local address");
  EXPECT_EQ(kind("febf::1"), "a link-local address");
  EXPECT_EQ(kind("fec0::1"), "a site-local address");
  EXPECT_EQ(kind("ff02::1"), "a multicast address");
}

TEST(SpecialPurpose, JudgesTheAddressInside) {
  EXPECT_EQ(kind("64:ff9b::127.0.0.1"), "a loopback address");
  EXPECT_EQ(kind("64:ff9b::10.0.0.1"), "a private address");
  EXPECT_EQ(kind("64:ff9b::169.254.169.254"), "a cloud metadata address");
  EXPECT_EQ(kind("64:ff9b::"), "an address of \"this network\"");
  EXPECT_EQ(kind("64:ff9b::8.8.8.8"), "public");
  EXPECT_EQ(kind("2606:4700::5efe:10.0.0.1"), "a private address");
  EXPECT_EQ(kind("2606:4700::200:5efe:127.0.0.1"), "a loopback address");
  EXPECT_EQ(describe(*IpAddress::parse("64:ff9b::7f00:1")),
            "64:ff9b::7f00:1, which carries 127.0.0.1, a loopback address");
  EXPECT_EQ(describe(*IpAddress::parse("127.0.0.1")), "127.0.0.1, a loopback address");
  EXPECT_EQ(describe(*IpAddress::parse("8.8.8.8")), "8.8.8.8");
}

TEST(SpecialPurpose, KnowsWhichRangesHoldSuchAddresses) {
  for (const char* text :
       {"10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "127.0.0.1/32", "::1", "::/0", "fc00::/7",
        "fd00:1::/32", "64:ff9b::/96", "64:ff9b::7f00:1", "4000::/2", "192.0.0.0/8", "2002::/16"}) {
    EXPECT_TRUE(holds_special_purpose(*IpRange::parse(text))) << text;
  }
  for (const char* text : {"8.8.8.8", "93.184.0.0/16", "2606:2800::/32", "64:ff9b::808:808"}) {
    EXPECT_FALSE(holds_special_purpose(*IpRange::parse(text))) << text;
  }
}

TEST(IpAddress, IsTheUnspecifiedOneUntilItIsSet) {
  const IpAddress unset;
  EXPECT_EQ(unset.to_string(), "0.0.0.0");
  EXPECT_EQ(unset, *IpAddress::parse("0.0.0.0"));
}

TEST(IpRange, WiderRangesAtOneBaseComeFirst) {
  const auto range = [](const char* text) { return *IpRange::parse(text); };
  EXPECT_LT(range("10.0.0.0/8"), range("10.0.0.0/9"));
  EXPECT_LT(range("10.0.0.0/9"), range("10.128.0.0/9"));
  EXPECT_LT(range("fc00::/7"), range("fc00::/8"));
  EXPECT_NE(range("10.0.0.0/8"), range("10.0.0.0/9"));
}

}  // namespace
}  // namespace omnisandbox::policy
