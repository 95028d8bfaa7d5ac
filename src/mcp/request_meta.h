#pragma once

#include <optional>
#include <string>
#include <variant>

#include "mcp/json_rpc.h"
#include "mcp/log_level.h"
#include "mcp/revision.h"

/// What a request says of itself in `params._meta`.
namespace omnisandbox::mcp {

/// Whether it carries its revision, as requests do since 2026-07-28.
bool names_its_revision(const ParsedJson& params);
/// That, as it is written; empty where there is none.
std::string revision_named_by(const ParsedJson& params);

/// The revision of a request that names it; or the error that it is answered with.
std::variant<Revision, Answer> revision_of(const Json& id, const ParsedJson& params);

/// The token for notifications of progress; null where none is asked for.
Json progress_token_of(const ParsedJson& params);

/// The least severe log message that the request asks for (since 2026-07-28).
std::optional<LogLevel> log_level_of(const ParsedJson& params);

}  // namespace omnisandbox::mcp
