#include "egress/response_head.h"

#include <gtest/gtest.h>

namespace omnisandbox::egress {
namespace {

TEST(ResponseHead, KeepsTheFinalResponse) {
  ResponseHead head;
  for (const char* line :
       {"HTTP/1.1 100 Continue\r\n", "X-Early: 1\r\n", "\r\n", "HTTP/1.1 103 Early Hints\r\n",
        "Link: </x>\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "Content-Type:  text/plain \r\n",
        "X-Folded: a\r\n", "\tb\r\n", "X-Empty:\r\n", "no colon\r\n", ": no name\r\n", "\r\n",
        "X-Trailer: 1\r\n", "HTTP/1.1 500 Late\r\n"}) {
    ASSERT_TRUE(head.add_line(line)) << line;
  }
  EXPECT_EQ(head.head().status, 200);
  ASSERT_EQ(head.head().headers.size(), 3U);
  EXPECT_EQ(head.head().headers[0].name, "Content-Type");
  EXPECT_EQ(head.head().headers[0].value, "text/plain");
  EXPECT_EQ(head.head().headers[1].value, "a b");
  EXPECT_EQ(head.head().headers[2].value, "");
}

TEST(ResponseHead, ReadsStatusLines) {
  for (const auto& [line, status] :
       std::vector<std::pair<std::string, int>>{{"HTTP/2 204\r\n", 204},
                                                {"HTTP/1.1 404 Not Found\r\n", 404},
                                                {"HTTP/1.1\r\n", 0},
                                                {"HTTP/1.1 99999999999999\r\n", 0},
                                                {"HTTP/1.1 x\r\n", 0}}) {
    ResponseHead head;
    ASSERT_TRUE(head.add_line(line));
    EXPECT_EQ(head.head().status, status) << line;
  }
}

TEST(ResponseHead, IsBounded) {
  ResponseHead lines;
  ASSERT_TRUE(lines.add_line("HTTP/1.1 200 OK\r\n"));
  std::size_t accepted = 1;
  while (lines.add_line("a: b\r\n")) ASSERT_LT(++accepted, 10'000U);
  EXPECT_EQ(accepted, max_response_headers);

  ResponseHead bytes;
  ASSERT_TRUE(bytes.add_line("HTTP/1.1 200 OK\r\n"));
  const auto refused = bytes.add_line("a: " + std::string(max_response_header_bytes, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);

  // Informational responses without end count together.
  ResponseHead informational;
  std::size_t blocks = 0;
  while (informational.add_line("HTTP/1.1 103 X\r\n") && informational.add_line("\r\n"))
    ASSERT_LT(++blocks, 10'000U);
}

}  // namespace
}  // namespace omnisandbox::egress
