#pragma once

#include <cerrno>

namespace omnisandbox::linux_ {

/// Calls `call` until it does not fail with EINTR. Not for close(2).
template <class Call>
auto retry_interrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

}  // namespace omnisandbox::linux_
