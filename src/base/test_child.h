#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

// In a build that counts the lines which are run, the counts are written by whoever ends a process
// without its destructors; in every other build there is no such function.
extern "C" void __gcov_dump() __attribute__((weak));  // NOLINT(bugprone-reserved-identifier)

namespace omnisandbox::test {

/// Runs `body` in a process of its own; its result is the exit code, and -1 stands for any other
/// end.
template <class Body>
int in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int result = body();
    if (__gcov_dump != nullptr) {
      __gcov_dump();
    }
    ::_exit(result);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace omnisandbox::test
