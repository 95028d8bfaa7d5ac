#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm {

/// A number of places, such as runs that may go on at once. Who finds none free waits until the
/// deadline passes, a stop is requested, or places are given to it: the oldest comes first, and who
/// wants fewer may pass who wants more than there are. Thread-safe.
class Slots {
 public:
  explicit Slots(std::uint32_t total) : total_(total), free_(total) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// Gives its places back on destruction. Must not outlive its Slots.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)), count_(other.count_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (slots_ != nullptr) {
        slots_->give_back(count_);
      }
    }

   private:
    friend class Slots;
    Lease(Slots* slots, std::uint32_t count) : slots_(slots), count_(count) {}
    Slots* slots_ = nullptr;
    std::uint32_t count_ = 0;
  };

  std::uint32_t total() const { return total_; }

  /// `count` places together, at most `total`. Errors: `timeout`, `cancelled`. `what` names the
  /// places in messages.
  Expected<Lease> take(std::uint32_t count, const char* what,
                       std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);

 private:
  // Each has a condition of its own: of a thousand threads that wait, one is woken for one place.
  struct Waiting {
    explicit Waiting(std::uint32_t wanted) : count(wanted) {}
    const std::uint32_t count;
    bool has_places = false;
    std::condition_variable_any changed;
  };
  using Queue = std::list<std::shared_ptr<Waiting>>;  // shared with who is about to wake it

  void give_back(std::uint32_t count) noexcept;

  const std::uint32_t total_;
  std::mutex mutex_;
  std::uint32_t free_;
  Queue waiting_;  // the oldest first
};

}  // namespace omnisandbox::wasm
