#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

/// Bounded reading of what the user names on a command line: modules and standard input.
namespace omnisandbox::runner {

/// Standard input is kept in memory while the guest runs.
inline constexpr std::uint64_t max_stdin_bytes = 64 * 1024 * 1024;

/// The content of a regular file. Never blocks on a FIFO or a device: those are `invalid_argument`.
/// `what` names the file's part in messages ("the module"). Errors: `not_found`, `too_large`,
/// `invalid_argument`, `io`.
Expected<std::string> read_regular_file(const std::string& path, std::string_view what,
                                        std::uint64_t max_bytes);

/// Fills a part of the buffer and says how much; 0 at the end.
using ReadPiece = std::function<Expected<std::size_t>(std::span<std::byte>)>;

/// Everything that `read_piece` gives, to its end; takes as long as the source does. `too_large`
/// beyond `max_bytes`.
Expected<std::string> read_to_end(const ReadPiece& read_piece, std::string_view what,
                                  std::uint64_t max_bytes);

}  // namespace omnisandbox::runner
