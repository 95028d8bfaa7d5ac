#pragma once

#include <cstdint>

namespace omnisandbox::linux_ {

/// The RLIMIT_CORE under which a crash leaves nothing of a process's memory behind. No file is so
/// small. And where core_pattern is a pipe to a program of the host's, which the limit does not
/// bound, 1 is the only value for which the kernel does not start it: 0 hands the memory over
/// (core(5); `coredump_pipe` in fs/coredump.c, since Linux 2.6.33).
inline constexpr std::uint64_t no_core_dump = 1;

}  // namespace omnisandbox::linux_
