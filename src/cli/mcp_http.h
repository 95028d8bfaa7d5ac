#pragma once

#include <memory>
#include <string>

#include "cli/options.h"
#include "mcp/http/http_server.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::cli {

/// Listens where `--http` says, and says so on standard error, with the token where it was made up.
/// Errors of kind `invalid_argument` are the command line's.
Expected<std::unique_ptr<mcp::HttpServer>> listen_by_http(mcp::Server& server,
                                                          const Options& options);

/// What is wrong with the options of `mcp` together; empty: nothing.
std::string problem_with_http_options(const Options& options);

}  // namespace omnisandbox::cli
