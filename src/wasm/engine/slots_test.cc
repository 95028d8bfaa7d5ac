#include "wasm/engine/slots.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

namespace omnisandbox::wasm {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Clock::time_point in(milliseconds time) { return Clock::now() + time; }
constexpr milliseconds long_time{60'000};

TEST(Slots, GiveBackTheirPlaces) {
  Slots slots(2);
  {
    const auto one = slots.take(1, "places", in(long_time), {});
    const auto two = slots.take(1, "places", in(long_time), {});
    EXPECT_TRUE(one && two);
    const auto three = slots.take(1, "places", in(milliseconds(10)), {});
    ASSERT_FALSE(three);
    EXPECT_EQ(three.error().kind, ErrorKind::timeout);
  }
  EXPECT_TRUE(slots.take(2, "places", in(milliseconds(0)), {}));
}

TEST(Slots, WaitUntilAPlaceIsFree) {
  Slots slots(1);
  std::optional<Expected<Slots::Lease>> held(slots.take(1, "places", in(long_time), {}));
  std::jthread waiting([&] { EXPECT_TRUE(slots.take(1, "places", in(long_time), {})); });
  std::this_thread::sleep_for(milliseconds(10));
  held.reset();
}

TEST(Slots, StopWaitingWhenToldTo) {
  Slots slots(1);
  const auto held = slots.take(1, "places", in(long_time), {});
  std::stop_source source;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(10));
    source.request_stop();
  });
  const auto waiting = slots.take(1, "places", in(long_time), source.get_token());
  ASSERT_FALSE(waiting);
  EXPECT_EQ(waiting.error().kind, ErrorKind::cancelled);
}

TEST(Slots, AreNeverMoreThanTheirTotal) {
  constexpr std::uint32_t total = 5;
  Slots slots(total);
  std::atomic<std::uint32_t> used{0};
  std::vector<std::jthread> threads;
  for (std::uint32_t index = 0; index < 16; ++index) {
    threads.emplace_back([&, index] {
      const std::uint32_t count = 1 + index % 3;
      for (int round = 0; round < 500; ++round) {
        const auto lease = slots.take(count, "places", in(long_time), {});
        ASSERT_TRUE(lease);
        EXPECT_LE(used.fetch_add(count) + count, total);
        used.fetch_sub(count);
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(slots.take(total, "places", in(milliseconds(0)), {}));
}

TEST(Slots, WakeOnlyWhoGetsPlaces) {
  Slots slots(2);
  std::optional<Expected<Slots::Lease>> held(slots.take(1, "places", in(long_time), {}));
  std::atomic<int> waiting = 0;
  std::atomic<long> woken = 0;
  std::vector<std::jthread> threads;
  for (int index = 0; index < 16; ++index) {
    threads.emplace_back([&] {
      ++waiting;
      EXPECT_TRUE(slots.take(2, "places", in(long_time), {}));
      rusage usage{};
      ASSERT_EQ(::getrusage(RUSAGE_THREAD, &usage), 0);
      woken += usage.ru_nvcsw;
    });
  }
  while (waiting < 16) {
    std::this_thread::yield();
  }
  std::this_thread::sleep_for(milliseconds(50));
  constexpr long rounds = 200;
  for (int round = 0; round < rounds; ++round) {
    EXPECT_TRUE(slots.take(1, "places", in(long_time), {}));  // and gives it back: too few for them
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // who was woken runs
  }
  held.reset();
  threads.clear();
  EXPECT_LT(woken, rounds);
}

}  // namespace
}  // namespace omnisandbox::wasm
