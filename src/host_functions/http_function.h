#pragma once

#include "host_functions/run_context.h"

namespace omnisandbox::host_functions {

/// http_fetch: libcurl behind the host rules and the address guard; see HostFunctions for the
/// contract.
Expected<HttpResponse> fetch(RunContext& context, const HttpRequest& request);

}  // namespace omnisandbox::host_functions
