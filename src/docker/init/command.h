#pragma once

#include "docker/init/protocol.h"

namespace omnisandbox::docker::init {

/// Runs the job, whose text is followed by a NUL; returns the exit code of this process. Everything
/// else in the container is gone when it returns.
int run_command(const Job& job, char* text);

}  // namespace omnisandbox::docker::init
