#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "runner/result_json.h"

namespace omnisandbox::mcp {

/// What is written: fields stay in the order that they were given.
using Json = runner::Json;
/// What was read from a client. Not the ordered kind: that one looks for a key by going through
/// all, which an object with a million keys turns into hours.
using ParsedJson = nlohmann::json;

/// One JSON value. Errors of kind `invalid_argument`: not JSON (RFC 8259), not UTF-8, nested beyond
/// `max_json_depth`.
Expected<ParsedJson> parse_json(std::string_view text);

/// One line of UTF-8 without a newline. Bytes that are not UTF-8 become U+FFFD.
std::string to_text(const Json& json);

/// The member's string, or the empty one where it is not there or no string.
std::string string_member(const ParsedJson& object, const char* name);

}  // namespace omnisandbox::mcp
