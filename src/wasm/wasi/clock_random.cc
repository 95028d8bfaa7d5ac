#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>

#include "linux/random.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {
namespace {

// Between two looks at the deadline; the kernel makes this many random bytes in a few milliseconds.
constexpr std::size_t random_chunk_bytes = 1024 * 1024;

// The CPU clocks would show the time of the host's process, which is not the guest's.
std::optional<clockid_t> host_clock(std::uint32_t clock) {
  switch (static_cast<ClockId>(clock)) {
    case ClockId::realtime:
      return CLOCK_REALTIME;
    case ClockId::monotonic:
      return CLOCK_MONOTONIC;
    case ClockId::process_cpu:
    case ClockId::thread_cpu:
      break;
  }
  return std::nullopt;
}

std::uint64_t nanoseconds_of(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

Errno clock_res_get(GuestCall& call, std::uint32_t clock, Pointer resolution) {
  const auto host = host_clock(clock);
  timespec time{};
  if (!host || ::clock_getres(*host, &time) != 0) {
    return Errno::inval;
  }
  return call.memory.store(resolution, nanoseconds_of(time)) ? Errno::success : Errno::fault;
}

Errno clock_time_get(GuestCall& call, std::uint32_t clock, std::uint64_t /*precision*/,
                     Pointer time) {
  const auto host = host_clock(clock);
  timespec now{};
  if (!host || ::clock_gettime(*host, &now) != 0) {
    return Errno::inval;
  }
  return call.memory.store(time, nanoseconds_of(now)) ? Errno::success : Errno::fault;
}

Errno random_get(GuestCall& call, Pointer buffer, Size length) {
  const auto bytes = call.memory.slice(buffer, length);
  if (!bytes) {
    return Errno::fault;
  }
  for (auto rest = *bytes; !rest.empty();) {
    const auto chunk = rest.first(std::min(rest.size(), random_chunk_bytes));
    if (const auto filled = linux_::fill_random(chunk); !filled) {
      return fail(call, "wasi.random_get", filled.error());
    }
    rest = rest.subspan(chunk.size());
    if (!rest.empty() && !may_continue(call)) {
      return Errno::intr;
    }
  }
  return Errno::success;
}

}  // namespace omnisandbox::wasm::wasi
