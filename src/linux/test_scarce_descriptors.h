#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <utility>
#include <vector>

#include "base/test_sanitizer.h"
#include "linux/fd.h"

namespace omnisandbox::linux_ {

/// While it lives, this process can open `left` more files, and then none (EMFILE). For tests only.
class ScarceDescriptors {
 public:
  explicit ScarceDescriptors(std::size_t left) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    // So that few have to be taken.
    const rlimit low{std::min<rlim_t>(before_.rlim_cur, enough_for_a_test), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(next.is_open());
    while (next.is_open()) {
      taken_.push_back(std::move(next));
      next = Fd(::fcntl(taken_.front().get(), F_DUPFD_CLOEXEC, 0));
    }
    EXPECT_GE(taken_.size(), left);
    taken_.resize(taken_.size() - std::min(left, taken_.size()));
  }
  ScarceDescriptors(const ScarceDescriptors&) = delete;
  ScarceDescriptors& operator=(const ScarceDescriptors&) = delete;
  ~ScarceDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  static constexpr rlim_t enough_for_a_test = 1024;
  rlimit before_{};
  std::vector<Fd> taken_;
};

/// Whether this program itself can do without. A sanitizer looks through a pipe whether memory is
/// there, and without one takes an object for none.
inline constexpr bool can_be_without_descriptors = !test::has_shadow_memory;

/// How many files this process has open.
inline std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

}  // namespace omnisandbox::linux_
