#include "wasm/abi/handle_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {
namespace {

StoredResult result_of(std::string text) {
  StoredResult result;
  result.parts.push_back(whole(std::move(text)));
  return result;
}

TEST(HandleTable, GivesBackWhatItKeeps) {
  HandleTable table{policy::Limits{}};
  const auto first = table.add(result_of("one"));
  const auto second = table.add(result_of("two"));
  ASSERT_TRUE(first && second);
  EXPECT_GE(*first, 1);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(table.find(*first)->parts[0].bytes, "one");
  EXPECT_EQ(table.find(*second)->parts[0].bytes, "two");
  EXPECT_EQ(table.held_bytes(), 6u);
}

TEST(HandleTable, NeverReusesAHandle) {
  HandleTable table{policy::Limits{}};
  std::int32_t last = 0;
  for (int round = 0; round < 1'000; ++round) {
    const auto handle = table.add(result_of("x"));
    ASSERT_TRUE(handle);
    EXPECT_GT(*handle, last);
    last = *handle;
    EXPECT_TRUE(table.drop(*handle));
    EXPECT_FALSE(table.drop(*handle));
    EXPECT_EQ(table.find(*handle), nullptr);
  }
  EXPECT_EQ(table.live(), 0u);
  EXPECT_EQ(table.held_bytes(), 0u);
}

TEST(HandleTable, FindsNothingThatWasNotIssued) {
  HandleTable table{policy::Limits{}};
  ASSERT_TRUE(table.add(result_of("x")));
  for (const std::int32_t handle : {0, -1, 2, std::numeric_limits<std::int32_t>::max(),
                                    std::numeric_limits<std::int32_t>::min()}) {
    EXPECT_EQ(table.find(handle), nullptr) << handle;
    EXPECT_FALSE(table.drop(handle)) << handle;
  }
}

TEST(HandleTable, BoundsTheNumberOfLiveHandles) {
  HandleTable table{policy::Limits{}};
  std::int32_t handle = 0;
  for (std::size_t count = 0; count < max_live_handles; ++count) {
    ASSERT_TRUE(table.check_room(0));
    handle = *table.add(result_of(""));
  }
  ASSERT_FALSE(table.check_room(0));
  EXPECT_EQ(table.check_room(0).error().kind, ErrorKind::limit);
  EXPECT_FALSE(table.add(result_of("")));
  EXPECT_TRUE(table.drop(handle));
  EXPECT_TRUE(table.add(result_of("")));
}

TEST(HandleTable, BoundsTheBytesThatItHolds) {
  policy::Limits limits;
  HandleTable table{limits};
  const std::string mebibyte_of_text(mebibyte, 'x');
  std::int32_t handle = 0;
  for (std::uint64_t held = 0; held < min_held_bytes; held += mebibyte) {
    handle = *table.add(result_of(mebibyte_of_text));
  }
  EXPECT_FALSE(table.check_room(1));
  EXPECT_FALSE(table.add(result_of("x")));
  EXPECT_EQ(table.held_bytes(), min_held_bytes);
  EXPECT_TRUE(table.drop(handle));
  EXPECT_TRUE(table.check_room(mebibyte));
  EXPECT_FALSE(table.check_room(mebibyte + 1));
  EXPECT_FALSE(table.check_room(std::numeric_limits<std::uint64_t>::max()));
}

TEST(HandleTable, HoldsFourOfTheLargestResultsThatThePolicyAllows) {
  policy::Limits limits;
  limits.max_file_bytes = 100 * mebibyte;
  EXPECT_EQ(held_bytes_limit(limits), 400 * mebibyte);
  limits.max_output_bytes = 100 * mebibyte;  // stdout and stderr
  EXPECT_EQ(held_bytes_limit(limits), 800 * mebibyte);
  limits.max_response_bytes = 300 * mebibyte;
  EXPECT_EQ(held_bytes_limit(limits), 4 * (300 * mebibyte + response_headers_bytes));
}

}  // namespace
}  // namespace omnisandbox::wasm::abi
