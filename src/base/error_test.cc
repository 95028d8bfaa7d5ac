#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/random_id.h"
#include "base/try.h"
#include "base/utf8.h"

namespace omnisandbox {
namespace {

using base::printable;

TEST(Printable, KeepsTextAndEscapesWhatDeceives) {
  EXPECT_EQ(printable("plain text, grüße, 日本"), "plain text, grüße, 日本");
  EXPECT_EQ(printable("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u{9b}") << "C1 control sequence introducer";
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\u{202e}b")
      << "right-to-left override";
  EXPECT_EQ(printable("\xff\xc0\xaf"), "\\xff\\xc0\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate is not UTF-8";
}

TEST(Printable, BoundsTheLength) {
  const std::string text = printable(std::string(10'000, 'a') + "end", 100);
  EXPECT_LT(text.size(), 110u);
  EXPECT_NE(text.find("…"), std::string::npos);
  EXPECT_TRUE(text.ends_with("end"));
  EXPECT_TRUE(base::is_utf8(printable(std::string(50, 'x') + "ü" + std::string(500, '\xfc'), 101)));
}

TEST(Errors, SayWhatFailed) {
  const Error error = Error::from_errno(ENOENT, "openat2", "/tmp/a\nb");
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_EQ(error.message, "openat2 /tmp/a\\nb: No such file or directory");
  EXPECT_EQ(error.system_errno, ENOENT);
  EXPECT_EQ(Error::from_errno(EFBIG, "write", "x").kind, ErrorKind::too_large);
  EXPECT_EQ(Error::from_errno(EIO, "write", "x").kind, ErrorKind::io);
}

TEST(Errors, CarryTheDenial) {
  const Error error = Error::from_denial(Denial{.capability = Capability::fs_read,
                                                .resource = "/etc/shadow",
                                                .rule = {},
                                                .reason = "no rule of allowed_paths covers it",
                                                .remedy = "allowed_paths: [/etc/shadow]"});
  EXPECT_EQ(error.kind, ErrorKind::denied);
  EXPECT_EQ(error.message,
            "fs_read /etc/shadow is denied: no rule of allowed_paths covers it; to allow it: "
            "allowed_paths: [/etc/shadow]");
  ASSERT_TRUE(error.denial);
  EXPECT_EQ(error.denial->resource, "/etc/shadow");
}

TEST(Errors, TryReturnsEarly) {
  const auto half = [](int number) -> Expected<int> {
    if (number % 2 != 0) {
      return base::make_error(ErrorKind::invalid_argument, "{} is odd", number);
    }
    return number / 2;
  };
  const auto quarter = [&](int number) -> Expected<int> {
    const int halved = TRY(half(number));
    return TRY(half(halved));
  };
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
}

TEST(RandomId, DiffersEachTime) {
  const std::string first = base::random_id();
  EXPECT_EQ(first.size(), 16u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first, base::random_id());
}

}  // namespace
}  // namespace omnisandbox
