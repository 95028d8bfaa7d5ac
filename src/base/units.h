#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omnisandbox::base {

/// Bytes as people write them: "512", "64KiB", "16 MiB", "1.5GB". KB, MB, GB are powers of 1000,
/// KiB, MiB, GiB of 1024. Empty for anything else, and for what does not fit or is not a whole
/// number of bytes.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

/// A duration as people write it: "30s", "250ms", "1.5m", "2h", "1m30s", "1500us". A bare number
/// is seconds. Empty for anything else, for negative and for overflowing values, and for what is
/// not a whole number of milliseconds: another limit than was written is none.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "16 MiB", "1.5 KiB", "200 B": the largest binary unit that leaves at least 1, one decimal where
/// it is not whole.
std::string format_byte_size(std::uint64_t bytes);

/// "30 s", "1.25 ms", "250 µs": three significant digits.
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace omnisandbox::base
