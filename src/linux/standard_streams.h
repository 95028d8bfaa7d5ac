#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "omnisandbox/expected.h"

/// This process's own standard input, output and error.
namespace omnisandbox::linux_ {

enum class StandardStream : std::uint8_t { input = 0, output = 1, error = 2 };

/// Where the caller closed one of the three, the next file that is opened would take its place: an
/// audit log would receive what is meant for the terminal. Opens /dev/null there, in the direction
/// that makes every use an error. Call it first in main.
Expected<void> occupy_standard_streams();

bool is_terminal(StandardStream stream) noexcept;

/// Reads up to buffer.size() bytes; 0 at the end. Waits also where the caller made the stream
/// non-blocking.
Expected<std::size_t> read_some(StandardStream stream, std::span<std::byte> buffer);
/// Writes all of `bytes`, or fails (EPIPE: the reader has gone). Waits also where the caller made
/// the stream non-blocking.
Expected<void> write_all(StandardStream stream, std::string_view bytes);

}  // namespace omnisandbox::linux_
