#include "cli/standard_input.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/standard_streams.h"

namespace omnisandbox::cli {

Expected<std::string> read_own_stdin(std::uint64_t max_bytes) {
  return runner::read_to_end(
      [](std::span<std::byte> piece) {
        return linux_::read_some(linux_::StandardStream::input, piece);
      },
      "standard input", max_bytes);
}

Expected<std::string> read_stdin_file(const std::string& path) {
  const auto file = TRY(linux_::open_at2(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, 0));
  return runner::read_to_end(
      [&](std::span<std::byte> piece) { return linux_::read_full(file, piece); },
      fmt::format("the file for standard input {}", base::printable(path)),
      runner::max_stdin_bytes);
}

}  // namespace omnisandbox::cli
