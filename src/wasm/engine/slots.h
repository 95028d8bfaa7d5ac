#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm {

/// A number of places, such as runs that may go on at once. Who finds none free waits, first come
/// first served as far as the system wakes threads in order, until a place is free, the deadline
/// passes or a stop is requested. Thread-safe.
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
  void give_back(std::uint32_t count) noexcept;

  const std::uint32_t total_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint32_t free_;
  std::uint32_t waiting_ = 0;
};

}  // namespace omnisandbox::wasm
