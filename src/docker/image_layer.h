#pragma once

#include <string>
#include <string_view>

namespace omnisandbox::docker {

/// The line of `Result::sandbox.layers` that says which image ran: `asked` is the configuration's
/// name for it, `ran` its digest or id. `image_that_ran` reads it again.
std::string image_layer(std::string_view asked, std::string_view ran);

}  // namespace omnisandbox::docker
