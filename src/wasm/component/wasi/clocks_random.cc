#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <ctime>
#include <string>

#include "linux/random.h"
#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

Value datetime(const timespec& time) {
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("seconds", Value::u64(static_cast<std::uint64_t>(time.tv_sec)));
  fields.emplace_back("nanoseconds", Value::u32(static_cast<std::uint32_t>(time.tv_nsec)));
  return Value::record(std::move(fields));
}

std::uint64_t nanoseconds_of(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * nanoseconds_per_second +
         static_cast<std::uint64_t>(time.tv_nsec);
}

void wall_now(HostCall& call) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  call.give(datetime(now));
}

void wall_resolution(HostCall& call) {
  timespec resolution{};
  ::clock_getres(CLOCK_REALTIME, &resolution);
  call.give(datetime(resolution));
}

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return nanoseconds_of(now);
}

void monotonic_now(HostCall& call) { call.give(Value::u64(monotonic_ns())); }

void monotonic_resolution(HostCall& call) {
  timespec resolution{};
  ::clock_getres(CLOCK_MONOTONIC, &resolution);
  call.give(Value::u64(nanoseconds_of(resolution)));
}

void subscribe_ahead(HostCall& call, std::uint64_t ahead_ns) {
  const auto now = steady_clock::now();
  const auto longest =
      static_cast<std::uint64_t>(nanoseconds(steady_clock::time_point::max() - now).count());
  const auto due = now + nanoseconds(static_cast<std::int64_t>(std::min(ahead_ns, longest)));
  call.give(call.keep(ResourceKind::pollable, Pollable{.due = due}));
}

void subscribe_duration(HostCall& call) { subscribe_ahead(call, u64_of(call.arg(0))); }

void subscribe_instant(HostCall& call) {
  const std::uint64_t instant = u64_of(call.arg(0));
  const std::uint64_t now = monotonic_ns();
  subscribe_ahead(call, instant > now ? instant - now : 0);
}

std::string random_text(HostCall& call, std::uint64_t length) {
  std::string bytes(static_cast<std::size_t>(length), '\0');
  const auto filled =
      linux_::fill_random({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  if (!filled) {
    call.guest().end_message = filled.error().message;
    call.end_guest(GuestCall::End::failed);
  }
  return bytes;
}

void get_random_bytes(HostCall& call) {
  const std::uint64_t length = u64_of(call.arg(0));
  if (length > max_random_bytes) {
    call.trap("it asked wasi:random for more than " + std::to_string(max_random_bytes) +
              " bytes at once");
    return;
  }
  call.give(Value::bytes(random_text(call, length)));
}

std::uint64_t random_number(HostCall& call) {
  std::uint64_t number = 0;
  const std::string bytes = random_text(call, sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

void get_random_u64(HostCall& call) { call.give(Value::u64(random_number(call))); }

void insecure_seed(HostCall& call) {
  std::vector<Value> pair;
  pair.push_back(Value::u64(random_number(call)));
  pair.push_back(Value::u64(random_number(call)));
  call.give(Value::tuple(std::move(pair)));
}

constexpr std::array wall_clock = {FunctionEntry{"now", &wall_now},
                                   FunctionEntry{"resolution", &wall_resolution}};
constexpr std::array monotonic_clock = {FunctionEntry{"now", &monotonic_now},
                                        FunctionEntry{"resolution", &monotonic_resolution},
                                        FunctionEntry{"subscribe-instant", &subscribe_instant},
                                        FunctionEntry{"subscribe-duration", &subscribe_duration}};
constexpr std::array random_functions = {FunctionEntry{"get-random-bytes", &get_random_bytes},
                                         FunctionEntry{"get-random-u64", &get_random_u64}};
constexpr std::array insecure = {FunctionEntry{"get-insecure-random-bytes", &get_random_bytes},
                                 FunctionEntry{"get-insecure-random-u64", &get_random_u64}};
constexpr std::array seed = {FunctionEntry{"insecure-seed", &insecure_seed}};

constexpr std::array interfaces = {
    Interface{"wasi:clocks/wall-clock@0.2.12", {}, wall_clock},
    Interface{"wasi:clocks/monotonic-clock@0.2.12", {}, monotonic_clock},
    Interface{"wasi:random/random@0.2.12", {}, random_functions},
    Interface{"wasi:random/insecure@0.2.12", {}, insecure},
    Interface{"wasi:random/insecure-seed@0.2.12", {}, seed},
};

}  // namespace

std::span<const Interface> clock_interfaces() { return interfaces; }

}  // namespace omnisandbox::wasm::component::wasi02
