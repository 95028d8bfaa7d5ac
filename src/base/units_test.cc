#include "base/units.h"

#include <gtest/gtest.h>

namespace omnisandbox::base {
namespace {

using std::chrono::milliseconds;

TEST(ByteSize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_byte_size("512"), 512u);
  EXPECT_EQ(parse_byte_size("0"), 0u);
  EXPECT_EQ(parse_byte_size("200B"), 200u);
  EXPECT_EQ(parse_byte_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_byte_size("16 MiB"), 16u << 20);
  EXPECT_EQ(parse_byte_size("1.5GB"), 1'500'000'000u);
  EXPECT_EQ(parse_byte_size("1.5KiB"), 1'536u);
  EXPECT_EQ(parse_byte_size("18446744073709551615"), ~0ull);
}

TEST(ByteSize, RefusesTheRest) {
  for (const char* text : {"",
                           " ",
                           "MiB",
                           "-1",
                           "+1",
                           "1e3",
                           "0x10",
                           "1.5",
                           "1.0001KiB",
                           ".5MB",
                           "1.MB",
                           "16 ",
                           " 16",
                           "16  MiB",
                           "16mib",
                           "16M",
                           "nan",
                           "inf",
                           "18446744073709551616",
                           "1 MiB 2",
                           "99999999999TiB",
                           "1,5MB",
                           "1..5MB",
                           "1.0000000000MB"}) {
    EXPECT_EQ(parse_byte_size(text), std::nullopt) << text;
  }
}

TEST(Duration, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("30"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("0.5"), milliseconds(500));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1.5m"), milliseconds(90'000));
  EXPECT_EQ(parse_duration("1m30s"), milliseconds(90'000));
  EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  EXPECT_EQ(parse_duration("5000us"), milliseconds(5));
  EXPECT_EQ(parse_duration("0.5ms500us"), milliseconds(1));
  EXPECT_EQ(parse_duration("18446744073709ms"), milliseconds(18'446'744'073'709));
}

TEST(Duration, RefusesTheRest) {
  for (const char* text :
       {"", " ", "s", "-1s", "+1s", "30 s", "30S", "1d", "30s1m", "30s30s", "1m30", "30.s", "nan",
        "inf", "1e3s", "99999999999999999h", "584555h99999999999s", "18446744073710ms",
        // No whole milliseconds.
        "1ns", "999us", "1001us", "0.5ms", "1.0005s", "0.0001", "1s1us", "0.1ns"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Format, ShowsSizesAndDurations) {
  EXPECT_EQ(format_byte_size(0), "0 B");
  EXPECT_EQ(format_byte_size(200), "200 B");
  EXPECT_EQ(format_byte_size(1'536), "1.5 KiB");
  EXPECT_EQ(format_byte_size(16u << 20), "16 MiB");
  EXPECT_EQ(format_duration(std::chrono::nanoseconds(12)), "12 ns");
  EXPECT_EQ(format_duration(std::chrono::microseconds(250)), "250 µs");
  EXPECT_EQ(format_duration(std::chrono::microseconds(1'250)), "1.25 ms");
  EXPECT_EQ(format_duration(std::chrono::seconds(30)), "30 s");
}

}  // namespace
}  // namespace omnisandbox::base
