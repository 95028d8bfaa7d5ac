#include "egress/proxy/client_hello.h"

#include <gtest/gtest.h>

#include "egress/proxy/client_hello_bytes.h"
#include "egress/proxy/limits.h"

namespace omnisandbox::egress {
namespace {

using test::extension;
using test::hello_for;
using test::hello_message;
using test::record;
using test::server_name;
using Stage = ClientHello::Stage;

Stage stage_of(std::string_view bytes) { return read_client_hello(bytes).stage; }

TEST(ClientHello, TellsTheName) {
  const ClientHello hello = read_client_hello(hello_for("Api.Example.COM"));
  EXPECT_EQ(hello.stage, Stage::complete) << hello.refusal;
  EXPECT_EQ(hello.server_name, "api.example.com");
  const ClientHello nameless = read_client_hello(test::hello_without_name());
  EXPECT_EQ(nameless.stage, Stage::complete);
  EXPECT_EQ(nameless.server_name, "");
}

TEST(ClientHello, EveryBeginningIsIncomplete) {
  const std::string bytes = hello_for("api.example.com");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(stage_of(bytes.substr(0, size)), Stage::incomplete) << size;
  EXPECT_EQ(stage_of(bytes + "early data"), Stage::complete);
}

TEST(ClientHello, MayBeSpreadOverRecords) {
  const std::string message = hello_message(server_name("api.example.com"));
  const std::string bytes = record(message.substr(0, 1)) + record(message.substr(1, 2)) +
                            record(message.substr(3, 40)) + record(message.substr(43));
  const ClientHello hello = read_client_hello(bytes);
  EXPECT_EQ(hello.stage, Stage::complete) << hello.refusal;
  EXPECT_EQ(hello.server_name, "api.example.com");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(stage_of(bytes.substr(0, size)), Stage::incomplete) << size;

  std::string crumbs;
  for (const char byte : message) crumbs += record(std::string(1, byte));
  EXPECT_EQ(stage_of(crumbs), Stage::refused);
}

TEST(ClientHello, OtherProtocolsAreRefusedAtTheFirstByte) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n"), std::string("SSH-2.0-x\r\n"), std::string(1, '\0'),
        std::string("\x80\x2e\x01\x03\x01", 5), std::string("\x16\x02", 2), std::string("\x17"),
        record("x", 23), record("\x02", 22), record("", 22), std::string("\x05\x01\x00", 3)}) {
    EXPECT_EQ(stage_of(bytes), Stage::refused) << testing::PrintToString(bytes);
  }
}

TEST(ClientHello, WhatHidesTheNameIsRefused) {
  for (const unsigned type : {0xfe0dU, 0xffceU}) {
    EXPECT_EQ(stage_of(record(hello_message(server_name("a.example") + extension(type, "x")))),
              Stage::refused);
  }
  EXPECT_EQ(stage_of(record(hello_message(server_name("a.example") + server_name("b.example")))),
            Stage::refused);
  const std::string two_names = std::string(1, '\0') + test::with_length("a.example", 2) +
                                std::string(1, '\0') + test::with_length("b.example", 2);
  EXPECT_EQ(stage_of(record(hello_message(extension(0, test::with_length(two_names, 2))))),
            Stage::refused);
  // A second message in the record, that a server might obey.
  EXPECT_EQ(stage_of(record(hello_message(server_name("a.example")) +
                            hello_message(server_name("b.example")))),
            Stage::refused);
}

TEST(ClientHello, MalformedOnesAreRefused) {
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string("a b"),
                                  std::string("a\r\n"), std::string("\xc3\xa9.example")}) {
    EXPECT_EQ(stage_of(record(hello_message(server_name(name)))), Stage::refused)
        << testing::PrintToString(name);
  }
  EXPECT_EQ(stage_of(record(hello_message(extension(0, "")))), Stage::refused);
  EXPECT_EQ(stage_of(record(hello_message("x"))), Stage::refused);
  EXPECT_EQ(stage_of(record(hello_message(test::number(0, 2) + test::number(9, 2) + "short"))),
            Stage::refused);
  std::string cut = hello_message(server_name("api.example.com"));
  cut = std::string(1, '\x01') + test::with_length(cut.substr(4, 20), 3);
  EXPECT_EQ(stage_of(record(cut)), Stage::refused);
}

TEST(ClientHello, IsBounded) {
  const std::string padded =
      hello_message(server_name("a.example") + extension(21, std::string(8'000, '\0')));
  EXPECT_EQ(stage_of(record(padded)), Stage::complete);
  // Its length alone says that it will never fit.
  const std::string huge = std::string(1, '\x01') + test::number(max_client_hello_bytes, 3);
  EXPECT_EQ(stage_of(record(huge)), Stage::refused);
  const std::string endless_record = std::string("\x16\x03\x01\xff\xff", 5);
  EXPECT_EQ(stage_of(endless_record), Stage::refused);
}

}  // namespace
}  // namespace omnisandbox::egress
