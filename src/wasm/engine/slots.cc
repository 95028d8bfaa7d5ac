#include "wasm/engine/slots.h"

#include "base/error.h"

namespace omnisandbox::wasm {

Expected<Slots::Lease> Slots::take(std::uint32_t count, const char* what,
                                   std::chrono::steady_clock::time_point deadline,
                                   const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (free_ >= count) {
    free_ -= count;
    return Lease(this, count);
  }
  const auto place = waiting_.insert(waiting_.end(), std::make_shared<Waiting>(count));
  const std::shared_ptr<Waiting> self = *place;
  if (self->changed.wait_until(lock, stop, deadline, [&] { return self->has_places; })) {
    return Lease(this, count);
  }
  waiting_.erase(place);
  return stop.stop_requested()
             ? base::make_error(ErrorKind::cancelled,
                                "the run was cancelled while it waited for one of {} {}", total_,
                                what)
             : base::make_error(ErrorKind::timeout,
                                "the deadline passed while the run waited for one of {} {}", total_,
                                what);
}

void Slots::give_back(std::uint32_t count) noexcept {
  Queue to_wake;
  {
    const std::lock_guard lock(mutex_);
    free_ += count;
    for (auto next = waiting_.begin(); next != waiting_.end() && free_ > 0;) {
      const auto waiting = next++;
      if ((*waiting)->count <= free_) {
        free_ -= (*waiting)->count;
        (*waiting)->has_places = true;
        to_wake.splice(to_wake.end(), waiting_, waiting);
      }
    }
  }
  // Without the lock, which each of them wants first.
  for (const auto& waiting : to_wake) {
    waiting->changed.notify_one();
  }
}

}  // namespace omnisandbox::wasm
