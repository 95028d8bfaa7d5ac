#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string_view>

#include "wasm/guest_run.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::wasi {

/// Whether a file may be changed as far as its names go: one with a second name may be a file that
/// lies outside, so it is refused (and recorded) unless the policy allows hard links.
Errno check_link_count(GuestCall& call, std::string_view operation, const struct stat& status,
                       std::string_view canonical);

/// Reserves quota for `length_bytes` that will be written so that the file ends at `new_end` at
/// least: a gap that grows the file counts like data. `fbig` past max_file_bytes, `dquot` past
/// max_write_bytes.
Errno charge_growth(GuestCall& call, std::string_view operation, std::uint64_t old_size,
                    std::uint64_t new_end, std::uint64_t length_bytes);

}  // namespace omnisandbox::wasm::wasi
