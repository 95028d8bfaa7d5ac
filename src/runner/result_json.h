#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "omnisandbox/error.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/result.h"

/// The objects that `--json` prints and that other front ends return. Scripts depend on their
/// fields; docs/guide.md describes them.
namespace omnisandbox::runner {

using Json = nlohmann::ordered_json;

/// One line. ASCII only, so that a terminal or a log cannot be led astray by what a guest printed.
std::string to_line(const Json& json);

/// Adds `name` as a string. Bytes that are not UTF-8 are written in base64, and `name_encoding`
/// says so.
void add_bytes(Json& json, const std::string& name, std::string_view bytes);

/// `exit_code` stands where the guest did not end by itself: what the command line ends with; a
/// guest's own code is shown as the guest gave it.
Json result_json(const Result& result, int exit_code);
Json response_json(const HttpResponse& response);
Json error_json(const Error& error);
Json denial_json(const Denial& denial);
Json refusal_json(const Refusal& refusal);

}  // namespace omnisandbox::runner
