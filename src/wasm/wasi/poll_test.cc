#include <chrono>
#include <thread>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint64_t millisecond_ns = 1'000'000;
constexpr std::uint64_t minute_ns = 60'000 * millisecond_ns;

Subscription clock_after(std::uint64_t timeout_ns, ClockId clock = ClockId::monotonic,
                         std::uint16_t flags = 0) {
  Subscription subscription;
  subscription.user_data = 7;
  subscription.tag = EventType::clock;
  subscription.clock_id_or_descriptor = static_cast<std::uint32_t>(clock);
  subscription.timeout_ns = timeout_ns;
  subscription.clock_flags = flags;
  return subscription;
}

Subscription descriptor(GuestFd fd, EventType type, std::uint64_t user_data) {
  Subscription subscription;
  subscription.user_data = user_data;
  subscription.tag = type;
  subscription.clock_id_or_descriptor = fd;
  return subscription;
}

class Poll : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    guest_ = guest();
  }

  struct Polled {
    Errno error;
    std::vector<Event> events;
    steady_clock::duration took;
  };
  Polled poll(const std::vector<Subscription>& subscriptions) {
    return poll(*guest_, subscriptions);
  }
  static Polled poll(TestGuest& guest, const std::vector<Subscription>& subscriptions) {
    guest.reset();
    const auto count = static_cast<Size>(subscriptions.size());
    const Pointer in = guest.reserve(count * sizeof(Subscription));
    for (Size index = 0; index < count; ++index) {
      EXPECT_TRUE(guest.memory().store(in + index * static_cast<Size>(sizeof(Subscription)),
                                       subscriptions[index]));
    }
    const Pointer out = guest.reserve(count * sizeof(Event));
    const Pointer event_count = guest.reserve(sizeof(Size));
    EXPECT_TRUE(guest.memory().store(event_count, Size{0}));
    const auto begin = steady_clock::now();
    Polled polled{poll_oneoff(guest.call(), in, out, count, event_count), {}, {}};
    polled.took = steady_clock::now() - begin;
    for (Size index = 0; index < guest.load<Size>(event_count); ++index) {
      polled.events.push_back(guest.load<Event>(out + index * static_cast<Size>(sizeof(Event))));
    }
    return polled;
  }

  std::unique_ptr<TestGuest> guest_;
};

TEST_F(Poll, SleepsAsLongAsAsked) {
  const auto polled = poll({clock_after(30 * millisecond_ns)});
  ASSERT_EQ(polled.error, Errno::success);
  EXPECT_GE(polled.took, milliseconds(30));
  ASSERT_EQ(polled.events.size(), 1U);
  EXPECT_EQ(polled.events[0].user_data, 7U);
  EXPECT_EQ(polled.events[0].error, 0U);
  EXPECT_EQ(polled.events[0].type, EventType::clock);
}

TEST_F(Poll, SleepsUntilAnAbsoluteTimeOnEitherClock) {
  for (const ClockId clock : {ClockId::monotonic, ClockId::realtime}) {
    const Pointer place = guest_->reserve(8);
    ASSERT_EQ(clock_time_get(guest_->call(), static_cast<std::uint32_t>(clock), 0, place),
              Errno::success);
    const std::uint64_t until = guest_->load<std::uint64_t>(place) + 20 * millisecond_ns;
    const auto polled = poll({clock_after(until, clock, subscription_clock_absolute)});
    ASSERT_EQ(polled.error, Errno::success);
    EXPECT_EQ(polled.events.size(), 1U);
    ASSERT_EQ(clock_time_get(guest_->call(), static_cast<std::uint32_t>(clock), 0, place),
              Errno::success);
    EXPECT_GE(guest_->load<std::uint64_t>(place) + millisecond_ns, until);
  }
  // A time that has passed is due at once.
  EXPECT_EQ(poll({clock_after(1, ClockId::realtime, subscription_clock_absolute)}).events.size(),
            1U);
}

TEST_F(Poll, TheEarliestOfSeveralClocksWakes) {
  const auto polled =
      poll({clock_after(minute_ns), clock_after(5 * millisecond_ns), clock_after(~0ULL)});
  ASSERT_EQ(polled.error, Errno::success);
  EXPECT_EQ(polled.events.size(), 1U);
  EXPECT_LT(polled.took, std::chrono::seconds(30));
}

TEST_F(Poll, StandardStreamsAndFilesAreReadyAtOnce) {
  guest_->run().stdin_data = "input";
  const GuestFd work = guest_->preopen(path("work"));
  const auto file = guest_->open(work, "note.txt");
  ASSERT_EQ(file.error, Errno::success);
  const auto polled =
      poll({descriptor(0, EventType::fd_read, 1), descriptor(1, EventType::fd_write, 2),
            descriptor(2, EventType::fd_write, 3), descriptor(file.value, EventType::fd_read, 4),
            clock_after(minute_ns)});
  ASSERT_EQ(polled.error, Errno::success);
  ASSERT_EQ(polled.events.size(), 4U);
  EXPECT_EQ(polled.events[0].available_bytes, 5U);
  EXPECT_EQ(polled.events[0].flags, 0U);
  EXPECT_EQ(polled.events[3].available_bytes, std::string("a note").size());
  for (const Event& event : polled.events) {
    EXPECT_EQ(event.error, 0U);
  }
}

TEST_F(Poll, TheEndOfTheInputShowsAsHangup) {
  const auto polled = poll({descriptor(0, EventType::fd_read, 1)});
  ASSERT_EQ(polled.events.size(), 1U);
  EXPECT_EQ(polled.events[0].available_bytes, 0U);
  EXPECT_EQ(polled.events[0].flags, event_hangup);
}

TEST_F(Poll, WrongDescriptorsAndClocksAreEventsOfTheirOwn) {
  const GuestFd work = guest_->preopen(path("work"));
  const auto polled =
      poll({descriptor(99, EventType::fd_read, 1), descriptor(work, EventType::fd_read, 2),
            descriptor(0, EventType::fd_write, 3), clock_after(1, ClockId::process_cpu),
            clock_after(1, ClockId::monotonic, 2)});
  ASSERT_EQ(polled.error, Errno::success);
  ASSERT_EQ(polled.events.size(), 5U);
  for (std::size_t index = 0; index < 3; ++index) {
    EXPECT_EQ(polled.events[index].error, static_cast<std::uint16_t>(Errno::badf));
  }
  EXPECT_EQ(polled.events[3].error, static_cast<std::uint16_t>(Errno::inval));
  EXPECT_EQ(polled.events[4].error, static_cast<std::uint16_t>(Errno::inval));
}

TEST_F(Poll, CountsAndPointersAreBounded) {
  GuestCall& call = guest_->call();
  const Pointer place = guest_->reserve(256);
  EXPECT_EQ(poll_oneoff(call, place, place, 0, place), Errno::inval);
  EXPECT_EQ(poll_oneoff(call, place, place, 4097, place), Errno::inval);
  EXPECT_EQ(poll_oneoff(call, place, place, 0xFFFFFFFF, place), Errno::inval);
  EXPECT_EQ(poll_oneoff(call, 0xFFFFFFF0, place, 1, place), Errno::fault);
  EXPECT_EQ(poll_oneoff(call, place, 0xFFFFFFF0, 1, place), Errno::fault);
  EXPECT_EQ(poll_oneoff(call, place, place, 1, 0xFFFFFFFE), Errno::fault);
  Subscription unknown = clock_after(0);
  unknown.tag = static_cast<EventType>(9);
  EXPECT_EQ(poll({unknown}).error, Errno::inval);
  EXPECT_EQ(call.end, GuestCall::End::none);
}

TEST_F(Poll, ASleepEndsAtTheDeadline) {
  auto guest = guest_under(config(), {.deadline = steady_clock::now() + milliseconds(50)});
  const auto polled = poll(*guest, {clock_after(minute_ns)});
  EXPECT_EQ(guest->call().end, GuestCall::End::timeout);
  EXPECT_TRUE(polled.events.empty());
  EXPECT_LT(polled.took, std::chrono::seconds(30));
  EXPECT_GE(steady_clock::now(), guest->context().deadline());
}

TEST_F(Poll, ASleepEndsSoonAfterAStop) {
  std::stop_source stop;
  auto guest = guest_under(config(), {.stop = stop.get_token()});
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(milliseconds(30));
    stop.request_stop();
  });
  const auto polled = poll(*guest, {clock_after(minute_ns)});
  EXPECT_EQ(guest->call().end, GuestCall::End::cancelled);
  EXPECT_LT(polled.took, std::chrono::seconds(30));
}

TEST_F(Poll, PollingAndYieldingInALoopEndAtTheDeadline) {
  auto guest = guest_under(config(), {.deadline = steady_clock::now() + milliseconds(30)});
  while (guest->call().end == GuestCall::End::none) {
    poll(*guest, {descriptor(1, EventType::fd_write, 1), clock_after(0)});
  }
  EXPECT_EQ(guest->call().end, GuestCall::End::timeout);
  guest->call().end = GuestCall::End::none;
  EXPECT_NE(sched_yield(guest->call()), Errno::success);
  EXPECT_EQ(guest->call().end, GuestCall::End::timeout);
  EXPECT_EQ(sched_yield(guest_->call()), Errno::success);
  EXPECT_EQ(guest_->call().end, GuestCall::End::none);
}

TEST_F(Poll, ExitEndsTheGuestWithItsCode) {
  proc_exit(guest_->call(), 33);
  EXPECT_EQ(guest_->call().end, GuestCall::End::exit);
  EXPECT_EQ(guest_->run().exit_code, 33);
}

TEST_F(Poll, SignalsAndSocketsAreNotOffered) {
  GuestCall& call = guest_->call();
  EXPECT_EQ(proc_raise(call, 6), Errno::notsup);
  EXPECT_EQ(sock_shutdown(call, 1, 0), Errno::notsock);
  EXPECT_EQ(sock_shutdown(call, 99, 0), Errno::badf);
  EXPECT_EQ(sock_accept(call, 0, 0, 0), Errno::notsock);
  EXPECT_EQ(sock_recv(call, 1, 0, 0, 0, 0, 0), Errno::notsock);
  EXPECT_EQ(sock_send(call, 99, 0, 0, 0, 0), Errno::badf);
  EXPECT_EQ(call.end, GuestCall::End::none);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
