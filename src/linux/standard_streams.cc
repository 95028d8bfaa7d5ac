#include "linux/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

constexpr std::array<std::string_view, 3> stream_names = {"standard input", "standard output",
                                                          "standard error"};

int descriptor_of(StandardStream stream) { return static_cast<int>(stream); }

Error failed(std::string_view operation, StandardStream stream) {
  return Error::from_errno(errno, operation, stream_names.at(static_cast<std::size_t>(stream)));
}

void wait_until_ready(StandardStream stream, short events) {
  pollfd file{.fd = descriptor_of(stream), .events = events, .revents = 0};
  // Whatever poll says, the read or write that follows tells the truth.
  static_cast<void>(::poll(&file, 1, -1));
}

}  // namespace

Expected<void> occupy_standard_streams() {
  for (const auto stream : {StandardStream::input, StandardStream::output, StandardStream::error}) {
    if (::fcntl(descriptor_of(stream), F_GETFD) >= 0) {
      continue;
    }
    // The wrong direction: reading a closed input and writing to a closed output stay errors.
    // Without /dev/null the root folder does as well. The lowest free number is taken, which is
    // this stream's.
    const int direction = stream == StandardStream::input ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", direction) < 0 && ::open("/", O_PATH) < 0) {
      return failed("open /dev/null as", stream);
    }
  }
  return {};
}

bool is_terminal(StandardStream stream) noexcept { return ::isatty(descriptor_of(stream)) == 1; }

Expected<std::size_t> read_some(StandardStream stream, std::span<std::byte> buffer) {
  for (;;) {
    const ssize_t count = retry_interrupted(
        [&] { return ::read(descriptor_of(stream), buffer.data(), buffer.size()); });
    if (count >= 0) {
      return static_cast<std::size_t>(count);
    }
    if (errno != EAGAIN) {
      return failed("read", stream);
    }
    wait_until_ready(stream, POLLIN);
  }
}

Expected<void> write_all(StandardStream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = retry_interrupted(
        [&] { return ::write(descriptor_of(stream), bytes.data(), bytes.size()); });
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      wait_until_ready(stream, POLLOUT);
    } else {
      return failed("write to", stream);
    }
  }
  return {};
}

}  // namespace omnisandbox::linux_
