#include <algorithm>
#include <chrono>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

class ClockRandom : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    guest_ = guest();
  }
  std::uint64_t time(ClockId clock) {
    const Pointer place = guest_->reserve(8);
    EXPECT_EQ(clock_time_get(guest_->call(), static_cast<std::uint32_t>(clock), 1, place),
              Errno::success);
    return guest_->load<std::uint64_t>(place);
  }
  std::unique_ptr<TestGuest> guest_;
};

TEST_F(ClockRandom, RealTimeIsTheHosts) {
  const auto before = system_clock::now().time_since_epoch();
  const std::chrono::nanoseconds shown(time(ClockId::realtime));
  const auto after = system_clock::now().time_since_epoch();
  EXPECT_LE(before, shown);
  EXPECT_LE(shown, after);
}

TEST_F(ClockRandom, MonotonicTimeNeverGoesBack) {
  std::uint64_t last = time(ClockId::monotonic);
  for (int round = 0; round < 1000; ++round) {
    const std::uint64_t next = time(ClockId::monotonic);
    ASSERT_LE(last, next);
    last = next;
    guest_->reset();
  }
}

TEST_F(ClockRandom, ResolutionIsPositive) {
  for (const std::uint32_t clock : {0U, 1U}) {
    const Pointer place = guest_->reserve(8);
    ASSERT_EQ(clock_res_get(guest_->call(), clock, place), Errno::success);
    EXPECT_GT(guest_->load<std::uint64_t>(place), 0U);
  }
}

TEST_F(ClockRandom, OtherClocksAndBadPointersAreRefused) {
  const Pointer place = guest_->reserve(8);
  for (const std::uint32_t clock : {2U, 3U, 4U, 0xFFFFFFFFU}) {
    EXPECT_EQ(clock_time_get(guest_->call(), clock, 0, place), Errno::inval);
    EXPECT_EQ(clock_res_get(guest_->call(), clock, place), Errno::inval);
  }
  EXPECT_EQ(guest_->load<std::uint64_t>(place), 0U);
  EXPECT_EQ(clock_time_get(guest_->call(), 0, 0, TestGuest::memory_bytes - 7), Errno::fault);
  EXPECT_EQ(clock_res_get(guest_->call(), 0, 0xFFFFFFFF), Errno::fault);
}

TEST_F(ClockRandom, RandomBytesFillExactlyWhatWasAsked) {
  const Pointer first = guest_->reserve(256);
  const Pointer second = guest_->reserve(256);
  ASSERT_EQ(random_get(guest_->call(), first, 200), Errno::success);
  ASSERT_EQ(random_get(guest_->call(), second, 200), Errno::success);
  EXPECT_NE(guest_->memory().text(first, 200), guest_->memory().text(second, 200));
  EXPECT_EQ(guest_->memory().text(first + 200, 56), std::string(56, '\0'));
}

TEST_F(ClockRandom, RandomBytesInTheLastPlaceAndNone) {
  EXPECT_EQ(random_get(guest_->call(), TestGuest::memory_bytes - 16, 16), Errno::success);
  EXPECT_EQ(random_get(guest_->call(), TestGuest::memory_bytes, 0), Errno::success);
  EXPECT_EQ(random_get(guest_->call(), TestGuest::memory_bytes - 16, 17), Errno::fault);
  EXPECT_EQ(random_get(guest_->call(), 16, 0xFFFFFFFF), Errno::fault);
}

TEST_F(ClockRandom, ALongFillEndsAtTheDeadline) {
  auto late = guest_under(config(), {.deadline = steady_clock::now() - std::chrono::seconds(1)});
  std::vector<std::uint8_t> large(8 * 1024 * 1024);
  GuestCall call{.run = late->run(), .memory = GuestMemory(large)};
  EXPECT_NE(random_get(call, 0, static_cast<Size>(large.size())), Errno::success);
  EXPECT_EQ(call.end, GuestCall::End::timeout);
  // The same call in time.
  GuestCall in_time{.run = guest_->run(), .memory = GuestMemory(large)};
  std::fill(large.begin(), large.end(), std::uint8_t{0});
  EXPECT_EQ(random_get(in_time, 0, static_cast<Size>(large.size())), Errno::success);
  EXPECT_NE(std::count(large.end() - 64, large.end(), 0), 64);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
