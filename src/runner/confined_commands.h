#pragma once

#include <memory>
#include <string>

#include "omnisandbox/host_functions.h"

namespace omnisandbox::runner {

/// What `exec_run` calls: the process sandbox, set up when a command first runs. Where this machine
/// has none, each run is the error that says why. `audit` gets what commands ask of the network;
/// may be null. `launcher` is as in ProcessSandboxOptions.
std::shared_ptr<CommandRunner> confined_commands(std::shared_ptr<AuditSink> audit,
                                                 std::string launcher = {});

}  // namespace omnisandbox::runner
