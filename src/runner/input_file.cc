#include "runner/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"

namespace omnisandbox::runner {
namespace {

Error too_large(std::string_view what, std::uint64_t max_bytes) {
  return base::make_error(ErrorKind::too_large, "{} is larger than the limit of {}", what,
                          base::format_byte_size(max_bytes));
}

}  // namespace

Expected<std::string> read_regular_file(const std::string& path, std::string_view what,
                                        std::uint64_t max_bytes) {
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
  auto opened =
      linux_::open_at2(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0);
  if (!opened) {
    Error error = std::move(opened).error();
    error.resource = path;
    if (error.kind == ErrorKind::not_found) {
      error.message = fmt::format("no such file: {}", base::printable(path));
    }
    return error;
  }
  const struct stat status = TRY(linux_::stat_of(*opened));
  if (!S_ISREG(status.st_mode)) {
    return base::make_error(
        ErrorKind::invalid_argument, "{} is {}, not a regular file", base::printable(path),
        S_ISDIR(status.st_mode) ? "a directory" : "a device, a pipe or a socket");
  }
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes) {
    return too_large(fmt::format("{} {}", what, base::printable(path)), max_bytes);
  }
  return read_to_end([&](std::span<std::byte> piece) { return linux_::read_full(*opened, piece); },
                     fmt::format("{} {}", what, base::printable(path)), max_bytes);
}

Expected<std::string> read_to_end(const ReadPiece& read_piece, std::string_view what,
                                  std::uint64_t max_bytes) {
  constexpr std::size_t first_piece_bytes = 64 * 1024;
  std::string content;
  std::size_t length = 0;
  for (;;) {
    if (length == content.size()) {
      // Doubling, so that the copies stay within the size of the whole. One byte past the limit
      // tells "exactly at the limit" from "too large".
      const std::uint64_t wanted = std::max<std::uint64_t>(2 * length, first_piece_bytes);
      content.resize(static_cast<std::size_t>(std::min(wanted, max_bytes + 1)));
    }
    const std::size_t got =
        TRY(read_piece(std::as_writable_bytes(std::span(content).subspan(length))));
    length += got;
    if (length > max_bytes) {
      return too_large(what, max_bytes);
    }
    if (got == 0) {
      content.resize(length);
      return content;
    }
  }
}

}  // namespace omnisandbox::runner
