#pragma once

#include <vector>

#include "mcp/revision.h"
#include "mcp/tool.h"

/// The same answers in the shape of each revision of the protocol: what an older one does not know
/// is left out, what a newer one demands is added.
namespace omnisandbox::mcp {

/// Name and version of this server.
Json server_info();

/// Adds what every result of `revision` has.
Json shaped_result(Json result, Revision revision);

/// Of lists and resources: how long a client may keep what it got.
enum class Freshness : std::uint8_t { while_unchanged, moment };
Json shaped_cacheable(Json result, Revision revision, Freshness freshness);

Json tool_json(const Tool& tool, Revision revision);
Json tool_result_json(const ToolResult& result, Revision revision);

}  // namespace omnisandbox::mcp
