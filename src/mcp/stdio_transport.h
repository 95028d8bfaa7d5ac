#pragma once

#include "mcp/server.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::mcp {

/// Serves the one client behind this process's standard input and output, until it closes the
/// input or takes no more output; then waits for the calls under way as limits.h says. Returns the
/// error of a stream that failed. Nothing else may use the two streams.
Expected<void> serve_stdio(Server& server);

}  // namespace omnisandbox::mcp
