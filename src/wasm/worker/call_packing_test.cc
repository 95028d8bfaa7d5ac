#include "wasm/worker/call_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "wasm/engine/engine.h"

namespace omnisandbox::wasm::worker {
namespace {

constexpr std::string_view wasi = "wasi_snapshot_preview1";

/// A guest's memory of one page, filled with its own addresses so that every byte tells.
class CallPacking : public ::testing::Test {
 protected:
  CallPacking() : bytes_(65536) {
    for (std::size_t index = 0; index < bytes_.size(); ++index) {
      bytes_[index] = static_cast<std::uint8_t>(index * 7 + 1);
    }
  }
  GuestMemory memory() { return GuestMemory(bytes_); }
  void put(std::uint32_t at, std::uint32_t value) { std::memcpy(&bytes_[at], &value, 4); }
  std::optional<PackedCall> pack(std::string_view name, const CallArguments& arguments) {
    return PackedCall::pack(*find_layout(wasi, name), arguments, memory());
  }
  std::string guest(std::size_t from, std::size_t length) const {
    return {reinterpret_cast<const char*>(&bytes_[from]), length};
  }

  std::vector<std::uint8_t> bytes_;
};

TEST(CallLayout, EveryOfferedFunctionHasOneWithItsParameters) {
  for (const HostModule* module : offered_modules()) {
    for (const HostFunctionEntry& function : module->functions) {
      const CallLayout* layout = find_layout(module->name, function.name);
      ASSERT_NE(layout, nullptr) << function.name;
      EXPECT_EQ(layout->parameters.size(), function.parameters.size()) << function.name;
      EXPECT_LE(function.parameters.size(), max_call_arguments) << function.name;
    }
  }
}

TEST_F(CallPacking, SendsWhatIsReadAndNothingElse) {
  const auto call = pack("path_open", {3, 1, 1000, 20, 0, 0, 0, 0, 2000});
  ASSERT_TRUE(call);
  // The path, and the four bytes where the descriptor goes.
  EXPECT_EQ(call->memory(), guest(1000, 20) + guest(2000, 4));
  EXPECT_EQ(call->arguments()[2], 0U);
  EXPECT_EQ(call->arguments()[3], 20U);
  EXPECT_EQ(call->arguments()[8], 20U);
  EXPECT_EQ(call->answer_from(), 20U);
  EXPECT_EQ(call->extra_bytes(), 0U);
}

TEST_F(CallPacking, PutsTheAnswerWhereTheGuestWantsIt) {
  const auto call = pack("path_open", {3, 1, 1000, 20, 0, 0, 0, 0, 2000});
  const auto before = bytes_;
  call->unpack(std::string("\x05", 1), 0, PackedCall::Outcome::succeeded, memory());
  EXPECT_EQ(guest(2000, 4), std::string("\x05\0\0\0", 4));
  for (std::size_t index = 0; index < bytes_.size(); ++index) {
    if (index < 2000 || index >= 2004) {
      ASSERT_EQ(bytes_[index], before[index]) << index;
    }
  }
}

TEST_F(CallPacking, ReadsIntoSeveralBuffersAndLeavesTheRestAlone) {
  put(100, 3000);
  put(104, 10);
  put(108, 5000);
  put(112, 10);
  const auto call = pack("fd_read", {5, 100, 2, 200});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->extra_bytes(), 20U);
  const auto before = bytes_;
  // The packed memory: two vectors, the count, and the 20 bytes; 13 of them were read.
  std::string answer(4 + 20, '\0');
  answer[0] = 13;
  std::fill_n(answer.begin() + 4, 13, 'r');
  call->unpack(answer, 0, PackedCall::Outcome::succeeded, memory());
  EXPECT_EQ(guest(3000, 10), std::string(10, 'r'));
  EXPECT_EQ(guest(5000, 3), "rrr");
  EXPECT_EQ(bytes_[5003], before[5003]);
  EXPECT_EQ(guest(200, 4), std::string("\x0d\0\0\0", 4));
}

TEST_F(CallPacking, AFailedReadChangesNothing) {
  put(100, 3000);
  put(104, 10);
  const auto call = pack("fd_read", {5, 100, 1, 200});
  const auto before = bytes_;
  std::string answer = guest(200, 4) + std::string(10, 'x');
  call->unpack(answer, 8, PackedCall::Outcome::failed, memory());
  EXPECT_EQ(bytes_, before);
}

TEST_F(CallPacking, RangesOutsideTheMemoryStayOutside) {
  for (const std::uint64_t address : {65536ULL, 65530ULL, 0xFFFF'FFFFULL, 0xFFFF'FFF0ULL}) {
    const auto call = pack("path_open", {3, 1, address, 20, 0, 0, 0, 0, address});
    ASSERT_TRUE(call);
    EXPECT_TRUE(call->has_invalid_range());
    EXPECT_EQ(call->arguments()[2], 0xFFFF'FFFFU);
    EXPECT_TRUE(call->arguments()[8] == 0xFFFF'FFFFU || address == 65530);
    put(100, static_cast<std::uint32_t>(address));
    put(104, 20);
    const auto write = pack("fd_write", {1, 100, 1, 200});
    std::uint32_t packed = 0;
    std::memcpy(&packed, write->memory().data(), 4);
    EXPECT_EQ(packed, 0xFFFF'FFFFU);
  }
}

TEST_F(CallPacking, AnAnswerThatIsTooLongOrLiesStaysWithinTheGuestsBuffers) {
  put(100, 3000);
  put(104, 10);
  const auto call = pack("fd_read", {5, 100, 1, 200});
  const auto before = bytes_;
  std::string answer(100'000, 'x');
  std::fill_n(answer.begin(), 4, '\xFF');  // four billion bytes read
  call->unpack(answer, 0, PackedCall::Outcome::succeeded, memory());
  EXPECT_EQ(guest(3000, 10), std::string(10, 'x'));
  EXPECT_EQ(bytes_[3010], before[3010]);
  EXPECT_EQ(bytes_[2999], before[2999]);
}

TEST_F(CallPacking, LargeTransfersAreShortened) {
  bytes_.resize(8 << 20);
  put(100, 4096);
  put(104, 6 << 20);
  const auto call = pack("fd_write", {5, 100, 1, 200});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->memory().size(), 8U + (1 << 20) + 4);
}

}  // namespace
}  // namespace omnisandbox::wasm::worker
