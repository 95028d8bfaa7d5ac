#include "runner/input_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"
#include "linux/regular_file.h"

namespace omnisandbox::runner {
namespace {

Error too_large(std::string_view what, std::uint64_t max_bytes) {
  return base::make_error(ErrorKind::too_large, "{} is larger than the limit of {}", what,
                          base::format_byte_size(max_bytes));
}

}  // namespace

Expected<std::string> read_regular_file(const std::string& path, std::string_view what,
                                        std::uint64_t max_bytes) {
  const linux_::Fd file = TRY(linux_::open_regular_file(path));
  const struct stat status = TRY(linux_::stat_of(file));
  if (static_cast<std::uint64_t>(status.st_size) > max_bytes) {
    return too_large(fmt::format("{} {}", what, base::printable(path)), max_bytes);
  }
  return read_to_end([&](std::span<std::byte> piece) { return linux_::read_full(file, piece); },
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
