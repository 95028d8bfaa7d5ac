#pragma once

#include <utility>

namespace omnisandbox::linux_ {

/// The one owner of a file descriptor. Closed on destruction; EINTR of close is never retried
/// (close(2)).
class Fd {
 public:
  constexpr Fd() noexcept = default;
  constexpr explicit Fd(int descriptor) noexcept : descriptor_(descriptor) {}
  Fd(Fd&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const noexcept { return descriptor_; }
  bool is_open() const noexcept { return descriptor_ >= 0; }
  /// Gives ownership away.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  void reset() noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace omnisandbox::linux_
