#include "wasm/guest_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace omnisandbox::wasm {
namespace {

constexpr std::uint32_t top = std::numeric_limits<std::uint32_t>::max();

TEST(GuestMemory, GivesWhatLiesInside) {
  std::vector<std::uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  const GuestMemory memory(bytes);
  ASSERT_TRUE(memory.slice(0, 8));
  EXPECT_EQ(memory.slice(0, 8)->size(), 8u);
  ASSERT_TRUE(memory.slice(7, 1));
  EXPECT_EQ(memory.slice(7, 1)->front(), 8);
  EXPECT_EQ(memory.load<std::uint32_t>(1), 0x05040302u);  // at any alignment
  EXPECT_TRUE(memory.store<std::uint16_t>(6, 0xABCD));
  EXPECT_EQ(bytes[6], 0xCD);
  EXPECT_EQ(bytes[7], 0xAB);
}

TEST(GuestMemory, GivesNothingThatLiesOutsideInPart) {
  std::vector<std::uint8_t> bytes(8, 9);
  const GuestMemory memory(bytes);
  for (const auto& [offset, length] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 9},
                                                            {8, 1},
                                                            {7, 2},
                                                            {9, 0},
                                                            {top, 0},
                                                            {top, 1},
                                                            {1, top},
                                                            {top, top},
                                                            {4, top - 3}}) {
    EXPECT_FALSE(memory.slice(offset, length)) << offset << " " << length;
    EXPECT_FALSE(memory.text(offset, length)) << offset << " " << length;
  }
  EXPECT_FALSE(memory.load<std::uint64_t>(1));
  EXPECT_FALSE(memory.store<std::uint64_t>(1, 0));
  EXPECT_FALSE(memory.store<std::uint64_t>(top, 0));
  EXPECT_EQ(bytes, std::vector<std::uint8_t>(8, 9));
}

TEST(GuestMemory, AnEmptyRangeMayStandAtTheEnd) {
  std::vector<std::uint8_t> bytes(8);
  EXPECT_TRUE(GuestMemory(bytes).slice(8, 0));
  EXPECT_TRUE(GuestMemory({}).slice(0, 0));
  EXPECT_FALSE(GuestMemory({}).slice(0, 1));
}

}  // namespace
}  // namespace omnisandbox::wasm
