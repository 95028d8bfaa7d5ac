#include "docker/container_pool.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/random_id.h"
#include "docker/container_request.h"
#include "linux/threads.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

// Making one takes a core for a good part of a second; more at once gain nothing on small machines.
constexpr std::size_t makers = 2;
constexpr std::chrono::seconds making_time{60};
// An unused one is replaced: what is mounted in it was looked through when it was made.
constexpr std::chrono::minutes longest_wait{10};
// Longer than any run may take (policy::max_timeout), so that no sweep ends one in use.
constexpr std::chrono::hours expiry{25};
// Used containers that wait for their removal.
constexpr std::size_t max_waste = 32;
// After an engine that refused, before it is asked again.
constexpr std::chrono::seconds pause_after_failure{2};

bool still_waits(Container& container) {
  // A container that has ended, or says something before its job, is readable.
  pollfd entry{container.stream().socket.get(), POLLIN | POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace

std::string warm_key(const WarmOrder& order) {
  const auto body = container_request({.grant = *order.grant,
                                       .image = order.image,
                                       .init_program = order.init_program,
                                       .listener_socket = {},
                                       .labels = {}});
  if (!body) {
    return {};
  }
  std::string key = order.engine->address() + "\n" +
                    body->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  key += std::to_string(static_cast<int>(order.grant->network));
  for (const ExpectedPath& path : expected_paths(*order.grant)) {
    key += "\n" + std::to_string(path.device) + ":" + std::to_string(path.inode);
  }
  return key;
}

ContainerPool::ContainerPool(std::size_t size) : size_(size) {
  auto cleaner = linux_::start_thread("to remove used containers",
                                      [this](const std::stop_token& stop) { clean(stop); });
  if (!cleaner) {
    return;  // nothing is kept ready, and whoever has used a container removes it
  }
  threads_.push_back(std::move(*cleaner));
  for (std::size_t index = 0; index < std::min(size, makers); ++index) {
    auto maker = linux_::start_thread("to prepare containers ahead of their runs",
                                      [this](const std::stop_token& stop) { fill(stop); });
    if (maker) {
      threads_.push_back(std::move(*maker));
    }
  }
}

ContainerPool::~ContainerPool() {
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
  threads_.clear();
  // Their destructors remove them.
  ready_.clear();
  waste_.clear();
}

std::unique_ptr<Container> ContainerPool::take(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (key.empty() || key != key_) {
    return nullptr;
  }
  while (!ready_.empty()) {
    auto container = std::move(ready_.front().container);
    ready_.pop_front();
    work_.notify_all();
    if (still_waits(*container)) {
      return container;
    }
    waste_.push_back(std::move(container));
    waste_work_.notify_all();
  }
  return nullptr;
}

void ContainerPool::want(WarmOrder order, std::string key) {
  const std::lock_guard lock(mutex_);
  if (size_ == 0 || key.empty() || key == key_) {
    return;
  }
  order_ = std::move(order);
  key_ = std::move(key);
  for (Ready& old : ready_) {
    waste_.push_back(std::move(old.container));
  }
  ready_.clear();
  work_.notify_all();
  waste_work_.notify_all();
}

void ContainerPool::dispose(std::unique_ptr<Container> container) {
  const std::lock_guard lock(mutex_);
  if (threads_.empty() || waste_.size() >= max_waste) {
    return;  // removed by whoever called: runs wait for removals, rather than pile them up
  }
  waste_.push_back(std::move(container));
  waste_work_.notify_all();
}

std::size_t ContainerPool::ready_count() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

void ContainerPool::fill(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    work_.wait(lock, stop, [this] { return order_ && ready_.size() + under_way_ < size_; });
    if (stop.stop_requested()) {
      return;
    }
    const WarmOrder order = *order_;
    const std::string key = key_;
    ++under_way_;
    lock.unlock();
    auto made = Container::prepare({.engine = order.engine,
                                    .init_program = order.init_program,
                                    .run_id = base::random_id(),
                                    .expiry = std::chrono::system_clock::now() + expiry},
                                   *order.grant, order.image,
                                   {.until = Clock::now() + making_time, .stop = stop});
    lock.lock();
    --under_way_;
    if (!made) {
      // The next run meets the same refusal, and tells it.
      work_.wait_for(lock, stop, pause_after_failure, [] { return false; });
    } else if (key == key_) {
      ready_.push_back({.container = *std::move(made), .made = Clock::now()});
    } else {
      waste_.push_back(*std::move(made));
      waste_work_.notify_all();
    }
  }
}

void ContainerPool::throw_away_old(Clock::time_point now) {
  while (!ready_.empty() && now - ready_.front().made > longest_wait) {
    waste_.push_back(std::move(ready_.front().container));
    ready_.pop_front();
    work_.notify_all();
  }
}

void ContainerPool::clean(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    waste_work_.wait_for(lock, stop, longest_wait / 10, [this] { return !waste_.empty(); });
    throw_away_old(Clock::now());
    while (!waste_.empty()) {
      auto container = std::move(waste_.front());
      waste_.pop_front();
      lock.unlock();
      container.reset();
      lock.lock();
    }
  }
}

}  // namespace omnisandbox::docker
