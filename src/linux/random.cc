#include "linux/random.h"

#include <sys/random.h>

#include <cerrno>

#include "linux/retry.h"

namespace omnisandbox::linux_ {

Expected<void> fill_random(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto filled =
        retry_interrupted([bytes] { return ::getrandom(bytes.data(), bytes.size(), 0); });
    if (filled < 0) {
      return Error::from_errno(errno, "getrandom", "");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(filled));
  }
  return {};
}

}  // namespace omnisandbox::linux_
