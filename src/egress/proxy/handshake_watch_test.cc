#include "egress/proxy/handshake_watch.h"

#include <gtest/gtest.h>

#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/handshake_message.h"

namespace omnisandbox::egress {
namespace {

using test::change_cipher_spec;
using test::encrypted;
using test::hello_for;
using test::hello_retry_request;
using test::record;
using test::server_hello;
using namespace std::string_literals;

/// A plain handshake message of TLS 1.2.
std::string message(char type, std::size_t size) {
  return std::string(1, type) + test::with_length(std::string(size, 'm'), 3);
}

/// A watch, and who is at which point of it.
class Handshake : public testing::Test {
 protected:
  /// All of it may go on.
  void client_says(const std::string& bytes) {
    const auto progress = watch_.client_sent(bytes);
    EXPECT_EQ(progress.refusal, "");
    EXPECT_EQ(progress.passed_bytes, bytes.size());
  }
  void server_says(const std::string& bytes) {
    const auto progress = watch_.server_sent(bytes);
    EXPECT_EQ(progress.refusal, "");
    EXPECT_EQ(progress.passed_bytes, bytes.size());
  }
  void expect_client_refused(const std::string& bytes) {
    HandshakeWatch copy = watch_;
    EXPECT_NE(copy.client_sent(bytes).refusal, "") << testing::PrintToString(bytes);
  }
  void expect_server_refused(const std::string& bytes) {
    HandshakeWatch copy = watch_;
    EXPECT_NE(copy.server_sent(bytes).refusal, "") << testing::PrintToString(bytes);
  }
  HandshakeWatch watch_;
};

TEST_F(Handshake, OfTls13EndsWithTheFirstEncryptedRecord) {
  const std::string hello = hello_for("a.example");
  const auto first = watch_.client_sent(hello + change_cipher_spec());
  EXPECT_EQ(first.passed_bytes, hello.size());
  EXPECT_EQ(first.asks_for, "a.example");
  client_says(change_cipher_spec() + encrypted("early data"));
  server_says(server_hello() + change_cipher_spec() + encrypted("certificate"));
  EXPECT_FALSE(watch_.is_over());
  client_says(encrypted("finished"));
  EXPECT_TRUE(watch_.is_over());
  client_says("anything");
  server_says("anything");
}

TEST_F(Handshake, OfTls12EndsWithTheChangeOfCiphers) {
  watch_.client_sent(hello_for("a.example"));
  server_says(record("\x01\x70", 21) + server_hello() + record(message(11, 9000)));
  const std::string certificates = message(11, 40'000);
  client_says(record(certificates.substr(0, 3)));
  client_says(record(certificates.substr(3, 16'000)));
  client_says(record(certificates.substr(16'003, 16'000)));
  client_says(record(certificates.substr(32'003) + message(16, 100)));
  expect_client_refused(hello_for("b.example"));
  expect_client_refused(record(message(20, 1) + test::hello_message("")));
  EXPECT_FALSE(watch_.is_over());
  client_says(change_cipher_spec());
  EXPECT_TRUE(watch_.is_over());
}

TEST_F(Handshake, ASecondHelloIsToldWhereTheServerAsksForIt) {
  watch_.client_sent(hello_for("a.example"));
  expect_client_refused(hello_for("b.example"));
  server_says(hello_retry_request() + change_cipher_spec());
  expect_server_refused(hello_retry_request());
  expect_server_refused(server_hello());
  expect_client_refused(record(message(16, 100)));
  // In flight when the request came: early data, and a change of ciphers for middleboxes.
  client_says(encrypted("early data") + change_cipher_spec());
  const std::string hello = hello_for("b.example");
  for (std::size_t size = 0; size < hello.size(); ++size) {
    HandshakeWatch copy = watch_;
    EXPECT_EQ(copy.client_sent(hello.substr(0, size)).passed_bytes, 0U) << size;
  }
  const auto second = watch_.client_sent(hello);
  EXPECT_EQ(second.passed_bytes, hello.size());
  EXPECT_EQ(second.asks_for, "b.example");
  // There is no third one.
  expect_server_refused(hello_retry_request());
  expect_client_refused(hello_for("c.example"));
  server_says(server_hello());
  expect_client_refused(hello_for("c.example"));
  client_says(encrypted("finished"));
  EXPECT_TRUE(watch_.is_over());
}

TEST_F(Handshake, ARetryRequestStandsAlone) {
  watch_.client_sent(hello_for("a.example"));
  const std::string retry = hello_retry_request().substr(5);
  expect_server_refused(record(retry + server_hello().substr(5)));
  server_says(record(retry.substr(0, 1)) + record(retry.substr(1, 20)) + record(retry.substr(21)));
  expect_client_refused(record(test::hello_message(test::server_name("a.example")) +
                               test::hello_message(test::server_name("b.example"))));
}

TEST_F(Handshake, RecordsGoOnWhole) {
  watch_.client_sent(hello_for("a.example"));
  const std::string early = encrypted("early data");
  const std::string hello = server_hello();
  for (std::size_t size = 0; size < early.size(); ++size)
    EXPECT_EQ(watch_.client_sent(early.substr(0, size)).passed_bytes, 0U) << size;
  for (std::size_t size = 0; size < hello.size(); ++size)
    EXPECT_EQ(watch_.server_sent(hello.substr(0, size)).passed_bytes, 0U) << size;
}

TEST_F(Handshake, OtherProtocolsAreRefused) {
  for (const std::string& bytes : {"GET / HTTP/1.1\r\n"s, change_cipher_spec(), encrypted("x")})
    expect_client_refused(bytes);
  watch_.client_sent(hello_for("a.example"));
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\n"s, record("\x02", 20), record("\x01\x01", 20), "\x18\x03\x03\x00\x01x"s,
        "\x17\x04"s, "\x15\x03\x03\x00\x00"s, "\x17\x03\x03\xff\xff"s}) {
    expect_client_refused(bytes);
  }
  for (const std::string& bytes : {"HTTP/1.1 200 OK\r\n"s, "SSH-2.0-x\r\n"s, encrypted("x"),
                                   hello_for("a.example"), record(message(0, 0))}) {
    expect_server_refused(bytes);
  }
}

}  // namespace
}  // namespace omnisandbox::egress
