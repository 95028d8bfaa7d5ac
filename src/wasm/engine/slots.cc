#include "wasm/engine/slots.h"

#include "base/error.h"

namespace omnisandbox::wasm {

Expected<Slots::Lease> Slots::take(std::uint32_t count, const char* what,
                                   std::chrono::steady_clock::time_point deadline,
                                   const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (free_ < count) {
    ++waiting_;
    changed_.wait_until(lock, stop, deadline, [&] { return free_ >= count; });
    --waiting_;
    if (free_ < count) {
      return stop.stop_requested()
                 ? base::make_error(ErrorKind::cancelled,
                                    "the run was cancelled while it waited for one of {} {}",
                                    total_, what)
                 : base::make_error(ErrorKind::timeout,
                                    "the deadline passed while the run waited for one of {} {}",
                                    total_, what);
    }
  }
  free_ -= count;
  return Lease(this, count);
}

void Slots::give_back(std::uint32_t count) noexcept {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    free_ += count;
    wake = waiting_ > 0;
  }
  if (wake) {
    // All: the waiters may want different numbers of places.
    changed_.notify_all();
  }
}

}  // namespace omnisandbox::wasm
