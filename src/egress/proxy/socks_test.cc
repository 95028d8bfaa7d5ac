#include "egress/proxy/socks.h"

#include <gtest/gtest.h>

namespace omnisandbox::egress {
namespace {

using namespace std::string_literals;

TEST(Socks, GreetingsOfferMethods) {
  const SocksGreeting greeting = read_socks_greeting("\x05\x02\x02\x00rest"s);
  EXPECT_EQ(greeting.stage, SocksStage::complete);
  EXPECT_EQ(greeting.consumed_bytes, 4U);
  EXPECT_TRUE(greeting.offers_no_authentication);
  EXPECT_EQ(socks_greeting_answer(greeting), "\x05\x00"s);

  const SocksGreeting password_only = read_socks_greeting("\x05\x01\x02"s);
  EXPECT_EQ(password_only.stage, SocksStage::complete);
  EXPECT_FALSE(password_only.offers_no_authentication);
  EXPECT_EQ(socks_greeting_answer(password_only), "\x05\xff"s);

  EXPECT_FALSE(read_socks_greeting("\x05\x00\x00"s).offers_no_authentication);
  for (const std::string& bytes : {""s, "\x05"s, "\x05\x02\x00"s})
    EXPECT_EQ(read_socks_greeting(bytes).stage, SocksStage::incomplete);
  EXPECT_EQ(read_socks_greeting("\x04\x01"s).stage, SocksStage::malformed);
}

TEST(Socks, RequestsNameAHost) {
  const SocksRequest name = read_socks_request("\x05\x01\x00\x03\x09"s + "a.example\x01\xbbrest"s);
  EXPECT_EQ(name.stage, SocksStage::complete);
  EXPECT_EQ(name.answer, SocksReply::succeeded);
  EXPECT_EQ(name.host, "a.example");
  EXPECT_EQ(name.port, 443);
  EXPECT_EQ(name.consumed_bytes, 16U);

  const SocksRequest v4 = read_socks_request("\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"s);
  EXPECT_EQ(v4.host, "127.0.0.1");
  EXPECT_EQ(v4.port, 80);
  const SocksRequest v6 =
      read_socks_request("\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x1f\x90"s);
  EXPECT_EQ(v6.host, "[::1]");
  EXPECT_EQ(v6.port, 8080);
  // A mapped address is the IPv4 address.
  const SocksRequest mapped = read_socks_request("\x05\x01\x00\x04"s + std::string(10, '\0') +
                                                 "\xff\xff\x7f\x00\x00\x01\x00\x50"s);
  EXPECT_EQ(mapped.host, "127.0.0.1");
}

TEST(Socks, EveryBeginningIsIncomplete) {
  for (const std::string& bytes :
       {"\x05\x01\x00\x03\x09"s + "a.example\x01\xbb"s, "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"s,
        "\x05\x01\x00\x04"s + std::string(18, 'x')}) {
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_EQ(read_socks_request(bytes.substr(0, size)).stage, SocksStage::incomplete) << size;
    EXPECT_EQ(read_socks_request(bytes).stage, SocksStage::complete);
  }
}

TEST(Socks, OtherCommandsAndAddressesAreAnswered) {
  EXPECT_EQ(read_socks_request("\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50"s).answer,
            SocksReply::command_not_supported);
  EXPECT_EQ(read_socks_request("\x05\x03\x00\x01\x7f"s).answer, SocksReply::command_not_supported);
  EXPECT_EQ(read_socks_request("\x05\x01\x00\x02xxxxxx"s).answer,
            SocksReply::address_type_not_supported);
  EXPECT_EQ(read_socks_request("\x05\x01\x00\x03\x00"s).answer,
            SocksReply::address_type_not_supported);
  EXPECT_EQ(read_socks_request("\x04\x01\x00\x50"s).stage, SocksStage::malformed);
  EXPECT_EQ(socks_reply(SocksReply::not_allowed), "\x05\x02\x00\x01\0\0\0\0\0\0"s);
}

}  // namespace
}  // namespace omnisandbox::egress
