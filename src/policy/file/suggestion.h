#pragma once

#include <span>
#include <string>
#include <string_view>

namespace omnisandbox::policy {

/// The one of `candidates` that somebody who wrote `word` most likely meant; empty when none is
/// near. Case, "-", "_" and up to a third of the letters may differ, and one may contain the other
/// ("read", "fs_read").
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace omnisandbox::policy
