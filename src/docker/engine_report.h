#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "docker/engine/engine.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// What an engine says about itself, for people.
struct EngineReport {
  std::string summary;  ///< engine, API, containerd and runc versions, runtimes
  /// What is weaker than it could be, each with what to do about it.
  std::vector<std::string> warnings;
};
Expected<EngineReport> report_on(Engine& engine, const Patience& patience);

/// The escapes from containers that are known of this version of runc ("1.1.5+ds1"), as
/// distributors may have repaired without another number.
std::vector<std::string> known_escapes_of_runc(std::string_view version);

}  // namespace omnisandbox::docker
