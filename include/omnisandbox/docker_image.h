#pragma once

#include <optional>
#include <string>

#include "omnisandbox/result.h"

namespace omnisandbox {

/// What a container's Result is of, as the engine has it: "name@sha256:…", or the image's id where
/// it came from no registry. None where no container ran. Thread rule: pure.
std::optional<std::string> image_that_ran(const Result& result);

}  // namespace omnisandbox
