#pragma once

#include <string>
#include <string_view>

#include "docker/container.h"
#include "docker/file_stream.h"
#include "omnisandbox/docker_session.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"

namespace omnisandbox::docker {

/// Copies between this machine and a container that waits. What is read and written here goes
/// through the host functions: each name is judged, recorded and then opened by the policy's own
/// handles, so that neither a name from the container nor a link on this machine leads elsewhere.
Expected<CopiedFiles> copy_in(HostFunctions& host, std::string_view host_path, Container& container,
                              const std::string& container_path, const CopyLimits& limits,
                              const Patience& patience);
Expected<CopiedFiles> copy_out(HostFunctions& host, std::string_view host_path,
                               Container& container, const std::string& container_path,
                               const CopyLimits& limits, const Patience& patience);

}  // namespace omnisandbox::docker
