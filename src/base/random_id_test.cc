#include "base/random_id.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>

namespace omnisandbox::base {
namespace {

TEST(RandomId, IsNeverTheSame) {
  std::set<std::string> seen;
  for (int count = 0; count < 10'000; ++count) {
    const std::string id = random_id();
    EXPECT_EQ(id.size(), 16U);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(RandomId, AForkedChildHasItsOwn) {
  random_id();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string id = random_id();
    ::_exit(::write(ends[1], id.data(), id.size()) == 16 ? 0 : 1);
  }
  std::string of_child(16, ' ');
  EXPECT_EQ(::read(ends[0], of_child.data(), of_child.size()), 16);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_NE(random_id(), of_child);
}

}  // namespace
}  // namespace omnisandbox::base
