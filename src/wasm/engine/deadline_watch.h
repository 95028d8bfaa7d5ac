#pragma once

#include <sys/types.h>
#include <wasm.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "omnisandbox/expected.h"

namespace omnisandbox::wasm {

/// Interrupts the runs of one engine when their deadline passes or their stop is requested, by
/// advancing the engine's epoch. One thread for all runs, asleep until the nearest deadline;
/// nothing ticks meanwhile. Every run of the engine notices an advance, asks its own deadline, and
/// goes on when it is not meant. Resolution: a run ends within a few milliseconds of its deadline
/// when a core is free.
class DeadlineWatch {
 public:
  /// `engine` must outlive the watch.
  explicit DeadlineWatch(wasm_engine_t* engine);
  /// All runs must have ended.
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  /// Before the first Entry, and as often as one likes. Error: `limit`, no thread can be had.
  Expected<void> start();

  /// A run that is watched while this lives. The run's epoch deadline must be set before: an
  /// advance in between would be lost.
  class Entry {
   public:
    Entry(DeadlineWatch& watch, std::chrono::steady_clock::time_point deadline,
          const std::stop_token& stop);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    friend class DeadlineWatch;
    struct Wake {
      Entry* entry;
      void operator()() const noexcept { entry->watch_.wake_for_stop(*entry); }
    };
    DeadlineWatch& watch_;
    const std::chrono::steady_clock::time_point deadline_;
    bool stopped_ = false;  // guarded by watch_.mutex_, like the links
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    std::optional<std::stop_callback<Wake>> on_stop_;
  };

 private:
  void add(Entry& entry);
  void remove(Entry& entry) noexcept;
  void wake_for_stop(Entry& entry) noexcept;
  void watch();

  wasm_engine_t* const engine_;
  const pid_t owner_;
  std::mutex mutex_;
  // Apart, because a forked child has to leave it: its end would wait for the parent's thread.
  std::unique_ptr<std::condition_variable> changed_ = std::make_unique<std::condition_variable>();
  Entry* first_ = nullptr;
  std::chrono::steady_clock::time_point wake_at_ = std::chrono::steady_clock::time_point::max();
  bool ending_ = false;
  std::jthread thread_;  // started by the first run: an engine that only compiles needs none
};

}  // namespace omnisandbox::wasm
