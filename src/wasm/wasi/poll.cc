#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

#include "linux/file_system.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/preview1.h"
#include "wasm/wasi/sleep.h"

namespace omnisandbox::wasm::wasi {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// A guest has at most a few hundred descriptors to wait for; each costs 48 bytes of ours.
constexpr std::uint32_t max_subscriptions = 4096;

Event event_for(const Subscription& subscription) {
  Event event;
  event.user_data = subscription.user_data;
  event.type = subscription.tag;
  return event;
}

Event failed_event(const Subscription& subscription, Errno error) {
  Event event = event_for(subscription);
  event.error = static_cast<std::uint16_t>(error);
  return event;
}

// `ahead_ns` from now, as far as the clock reaches.
steady_clock::time_point after(steady_clock::time_point now, std::uint64_t ahead_ns) {
  const auto longest =
      static_cast<std::uint64_t>(nanoseconds(steady_clock::time_point::max() - now).count());
  return now + nanoseconds(static_cast<std::int64_t>(std::min(ahead_ns, longest)));
}

std::uint64_t host_time_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// When a clock subscription is due; empty for a clock that cannot be waited for.
std::optional<steady_clock::time_point> due_time(const Subscription& subscription,
                                                 steady_clock::time_point now) {
  const auto id = static_cast<ClockId>(subscription.clock_id_or_descriptor);
  if (id != ClockId::realtime && id != ClockId::monotonic) {
    return std::nullopt;
  }
  if ((subscription.clock_flags & ~subscription_clock_absolute) != 0) {
    return std::nullopt;
  }
  std::uint64_t ahead_ns = subscription.timeout_ns;
  if ((subscription.clock_flags & subscription_clock_absolute) != 0) {
    const std::uint64_t present =
        host_time_ns(id == ClockId::realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC);
    ahead_ns = ahead_ns > present ? ahead_ns - present : 0;
  }
  return after(now, ahead_ns);
}

// Nothing that a guest can open ever blocks, so a descriptor is ready at once or wrong.
Event descriptor_event(GuestRun& run, const Subscription& subscription) {
  const Descriptor* descriptor = table_of(run).find(subscription.clock_id_or_descriptor);
  if (descriptor == nullptr) {
    return failed_event(subscription, Errno::badf);
  }
  const bool reads = subscription.tag == EventType::fd_read;
  if (descriptor->is_directory() ||
      (descriptor->base & (reads ? rights::fd_read : rights::fd_write)) == 0) {
    return failed_event(subscription, Errno::badf);
  }
  Event event = event_for(subscription);
  if (!reads) {
    event.available_bytes = std::numeric_limits<std::uint16_t>::max();
    return event;
  }
  if (descriptor->is_file()) {
    const auto status = linux_::stat_of(descriptor->file);
    const std::uint64_t size = status ? static_cast<std::uint64_t>(status->st_size) : 0;
    event.available_bytes = size > descriptor->position ? size - descriptor->position : 0;
    return event;
  }
  event.available_bytes = run.stdin_data.size() - run.stdin_position;
  if (event.available_bytes == 0) {
    event.flags = event_hangup;
  }
  return event;
}

struct Waiting {
  Subscription subscription;
  steady_clock::time_point due;
};

struct Poll {
  std::vector<Event> ready;
  std::vector<Waiting> clocks;
};

tl::expected<Poll, Errno> take_subscriptions(GuestCall& call, Pointer subscriptions,
                                             Size subscription_count) {
  Poll poll;
  const auto now = steady_clock::now();
  for (Size index = 0; index < subscription_count; ++index) {
    const auto subscription = call.memory.load<Subscription>(
        subscriptions + index * static_cast<Size>(sizeof(Subscription)));
    if (!subscription) {
      return tl::unexpected(Errno::fault);
    }
    if (subscription->tag == EventType::clock) {
      if (const auto due = due_time(*subscription, now)) {
        poll.clocks.push_back({*subscription, *due});
      } else {
        poll.ready.push_back(failed_event(*subscription, Errno::inval));
      }
    } else if (subscription->tag == EventType::fd_read ||
               subscription->tag == EventType::fd_write) {
      poll.ready.push_back(descriptor_event(call.run, *subscription));
    } else {
      return tl::unexpected(Errno::inval);
    }
  }
  return poll;
}

}  // namespace

void sleep_until(const host_functions::RunContext& context, steady_clock::time_point until) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_until(lock, context.stop(), std::min(until, context.deadline()), [] { return false; });
}

Errno poll_oneoff(GuestCall& call, Pointer subscriptions, Pointer events, Size subscription_count,
                  Pointer event_count) {
  if (subscription_count == 0 || subscription_count > max_subscriptions) {
    return Errno::inval;
  }
  if (!call.memory.slice(subscriptions,
                         subscription_count * static_cast<Size>(sizeof(Subscription))) ||
      !call.memory.slice(events, subscription_count * static_cast<Size>(sizeof(Event))) ||
      !call.memory.slice(event_count, sizeof(Size))) {
    return Errno::fault;
  }
  auto poll = take_subscriptions(call, subscriptions, subscription_count);
  if (!poll) {
    return poll.error();
  }
  if (poll->ready.empty()) {
    const auto first = std::min_element(
        poll->clocks.begin(), poll->clocks.end(),
        [](const Waiting& left, const Waiting& right) { return left.due < right.due; });
    sleep_until(call.run.context, first->due);
  }
  // Also without a sleep: a guest that polls in a loop ends at its deadline.
  if (!may_continue(call)) {
    return Errno::intr;
  }
  const auto now = steady_clock::now();
  for (const Waiting& clock : poll->clocks) {
    if (clock.due <= now) {
      poll->ready.push_back(event_for(clock.subscription));
    }
  }
  Pointer place = events;
  for (const Event& event : poll->ready) {
    if (!call.memory.store(place, event)) {
      return Errno::fault;
    }
    place += static_cast<Pointer>(sizeof(Event));
  }
  return call.memory.store(event_count, static_cast<Size>(poll->ready.size())) ? Errno::success
                                                                               : Errno::fault;
}

}  // namespace omnisandbox::wasm::wasi
