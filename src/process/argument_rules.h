#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox::process {

/// What a filter answers to one call by the low half of one argument, which is all that the kernel
/// reads of it: something for the values listed, something for all others. Nothing: the rest of the
/// filter answers.
struct ArgumentRule {
  int call = 0;
  unsigned argument = 0;
  std::vector<std::uint32_t> values{};
  std::optional<std::uint32_t> if_listed{};  ///< SECCOMP_RET_* with its data
  std::optional<std::uint32_t> otherwise{};
};

/// `filter` (struct sock_filter, one after the other) with these rules in front, for calls of the
/// native architecture alone. libseccomp has no "all but these values": it would take a hundred
/// rules for each, and milliseconds.
std::string with_argument_rules(std::span<const ArgumentRule> rules, std::string_view filter);

}  // namespace omnisandbox::process
