#pragma once

#include <memory>

#include "docker/contained_run.h"
#include "omnisandbox/docker_session.h"

namespace omnisandbox::docker {

/// Makes the container of a session. `machinery` lives as long as it.
Expected<DockerSession> open_session(const Policy& policy, const DockerConfig& docker,
                                     std::shared_ptr<DockerMachinery> machinery,
                                     const DockerSessionOptions& options);

}  // namespace omnisandbox::docker
