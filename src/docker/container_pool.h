#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "docker/container.h"

namespace omnisandbox::docker {

/// What the containers of a pool are made from.
struct WarmOrder {
  std::shared_ptr<Engine> engine;                       // shared with the runs
  std::shared_ptr<const policy::ContainerGrant> grant;  // shared by those that are being made
  ImageFacts image;
  std::string init_program;
};

/// Everything that makes one container differ from another: what is asked of the engine, and the
/// very files that are mounted. What is mounted stays open in the order, and keeps its number; that
/// of a hidden file may go to another one at once, so that the container itself is asked whether
/// it is hidden (Container::check_again).
std::string warm_key(const WarmOrder& order);

/// Containers that wait for a job, each for one, all made for the latest order; and the removal of
/// those that have served. Both happen in the background. Safe from several threads.
class ContainerPool {
 public:
  /// Keeps `size` ready; 0: none, only removes.
  explicit ContainerPool(std::size_t size);
  /// Removes what is ready, and waits for what is under way.
  ~ContainerPool();
  ContainerPool(const ContainerPool&) = delete;
  ContainerPool& operator=(const ContainerPool&) = delete;

  /// One that was made for this key and still waits; null where there is none.
  std::unique_ptr<Container> take(const std::string& key);
  /// From now on this is what is made; what was made for another order is removed.
  void want(WarmOrder order, std::string key);
  /// Removes a container, later.
  void dispose(std::unique_ptr<Container> container);

  std::size_t ready_count() const;

 private:
  struct Ready {
    std::unique_ptr<Container> container;
    std::chrono::steady_clock::time_point made{};
  };
  void fill(const std::stop_token& stop);
  void clean(const std::stop_token& stop);
  void throw_away_old(std::chrono::steady_clock::time_point now);

  const std::size_t size_;
  mutable std::mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable_any waste_work_;
  std::optional<WarmOrder> order_;  // guarded by mutex_, as all below
  std::string key_;
  std::deque<Ready> ready_;
  std::size_t under_way_ = 0;
  std::deque<std::unique_ptr<Container>> waste_;
  std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace omnisandbox::docker
