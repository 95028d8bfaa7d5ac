#pragma once

#include <span>
#include <string>
#include <string_view>

namespace omnisandbox::runner {

/// The known word that `written` was probably meant to be; empty when none is near.
std::string nearest_word(std::string_view written, std::span<const std::string> known);

}  // namespace omnisandbox::runner
