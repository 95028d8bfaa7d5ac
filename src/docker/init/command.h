#pragma once

#include "docker/init/protocol.h"

namespace omnisandbox::docker::init {

struct Outcome {
  int exit_code = 0;       ///< of this process, where it ends now
  bool may_go_on = false;  ///< the streams stand at the begin of the next job
};

/// Runs the job, whose text is followed by a NUL. Everything else in the container is gone when it
/// returns.
Outcome run_command(const Job& job, char* text);

}  // namespace omnisandbox::docker::init
