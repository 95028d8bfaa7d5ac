#pragma once

#include <cstdint>
#include <string>

#include "omnisandbox/expected.h"
#include "runner/input_file.h"

namespace omnisandbox::cli {

/// Our own standard input to its end; takes as long as whoever writes it. `too_large` beyond
/// `max_bytes`.
Expected<std::string> read_own_stdin(std::uint64_t max_bytes);

/// The file of `--stdin FILE`, which may be a pipe as well (a shell's `<(command)`).
Expected<std::string> read_stdin_file(const std::string& path);

}  // namespace omnisandbox::cli
