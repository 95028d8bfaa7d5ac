#include "omnisandbox/version.h"

namespace omnisandbox {

std::string_view version() noexcept { return OMNISANDBOX_VERSION; }

}  // namespace omnisandbox
