#pragma once

#include <string>

#include "omnisandbox/result.h"

namespace omnisandbox::runner {

/// One line for people and models: "denied: read /etc/shadow (file view: …); to allow: …".
std::string refusal_text(const Refusal& refusal);

}  // namespace omnisandbox::runner
