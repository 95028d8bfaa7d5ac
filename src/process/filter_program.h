#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omnisandbox::process {

/// What a seccomp filter (struct sock_filter, one after the other) answers to a call:
/// SECCOMP_RET_* with its data. Nothing for a program that the kernel would not take.
std::optional<std::uint32_t> answer_of(std::string_view program, const seccomp_data& call);

/// The same filter for runs that are to be explained: it hands over each call that `enforcing`
/// refuses, and each that names a file. Whoever answers them asks `enforcing`. What `enforcing`
/// refuses with `listener_refusal` stays refused by the filter itself.
std::string handing_over(std::string_view enforcing);

/// No other rule of a filter refuses with this. Among filters that hand calls over, the kernel asks
/// the newest one's listener: a command that could install one would answer in our place.
inline constexpr int listener_refusal = 22;  // EINVAL: as a kernel that does not know the flag

}  // namespace omnisandbox::process
