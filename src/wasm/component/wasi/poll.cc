#include <algorithm>
#include <chrono>
#include <vector>

#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"
#include "wasm/wasi/sleep.h"

namespace omnisandbox::wasm::component::wasi02 {
namespace {

using std::chrono::steady_clock;

bool is_ready(const Pollable& pollable) { return pollable.due <= steady_clock::now(); }

}  // namespace

bool may_continue(HostCall& call) {
  const auto in_time = call.guest().context.check_time();
  if (in_time) {
    return true;
  }
  call.end_guest(in_time.error().kind == ErrorKind::cancelled ? GuestCall::End::cancelled
                                                              : GuestCall::End::timeout);
  return false;
}

Value ready_pollable(HostCall& call) { return call.keep(ResourceKind::pollable, Pollable{}); }

void pollable_ready(HostCall& call) {
  if (may_continue(call)) {
    call.give(Value::boolean(is_ready(call.resource<Pollable>(0, ResourceKind::pollable))));
  }
}

void pollable_block(HostCall& call) {
  const Pollable& pollable = call.resource<Pollable>(0, ResourceKind::pollable);
  if (!is_ready(pollable)) {
    call.run.outside->show_output(call.guest(), Outside::Moment::about_to_wait);
    wasi::sleep_until(call.guest().context, pollable.due);
  }
  may_continue(call);
}

void poll(HostCall& call) {
  const auto& list = list_of(call.arg(0));
  if (list.size == 0 || list.size > max_polled) {
    call.trap("wasi:io/poll takes 1 to " + std::to_string(max_polled) + " pollables");
    return;
  }
  std::vector<steady_clock::time_point> due;
  for (std::size_t index = 0; index < list.size; ++index) {
    const Pollable* pollable =
        call.run.resources.find<Pollable>(call.handle_of(list.data[index], ResourceKind::pollable));
    if (pollable == nullptr) {
      throw WrongType();
    }
    due.push_back(pollable->due);
  }
  const auto first = *std::min_element(due.begin(), due.end());
  if (first > steady_clock::now()) {
    call.run.outside->show_output(call.guest(), Outside::Moment::about_to_wait);
    wasi::sleep_until(call.guest().context, first);
  }
  // Also without a sleep: a guest that polls in a loop ends at its deadline.
  if (!may_continue(call)) {
    return;
  }
  const auto now = steady_clock::now();
  std::vector<Value> ready;
  for (std::size_t index = 0; index < due.size(); ++index) {
    if (due[index] <= now) {
      ready.push_back(Value::u32(static_cast<std::uint32_t>(index)));
    }
  }
  call.give(Value::list(std::move(ready)));
}

}  // namespace omnisandbox::wasm::component::wasi02
