#pragma once

#include <linux/audit.h>

#include <cstdint>

namespace omnisandbox::process {

/// As seccomp_data names it. Another one's numbers mean other calls.
#if defined(__x86_64__)
inline constexpr std::uint32_t native_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint32_t native_architecture = AUDIT_ARCH_AARCH64;
#endif

}  // namespace omnisandbox::process
