#pragma once

#include <optional>
#include <string>

#include "omnisandbox/result.h"
#include "support.h"

namespace omnisandbox::python {

/// A Result, with the value of a snippet or of an exported function. Converted to Python where it
/// is looked at.
struct RunResult {
  Result result;
  std::optional<std::string> value{};
  bool value_truncated = false;  // of a snippet
};

}  // namespace omnisandbox::python
