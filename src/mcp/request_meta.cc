#include "mcp/request_meta.h"

#include <fmt/format.h>

#include "base/error.h"
#include "mcp/limits.h"

namespace omnisandbox::mcp {
namespace {

constexpr const char* revision_key = "io.modelcontextprotocol/protocolVersion";
constexpr const char* capabilities_key = "io.modelcontextprotocol/clientCapabilities";
constexpr const char* log_level_key = "io.modelcontextprotocol/logLevel";

const ParsedJson* meta_of(const ParsedJson& params) {
  const auto found = params.find("_meta");
  return found != params.end() && found->is_object() ? &*found : nullptr;
}

}  // namespace

bool names_its_revision(const ParsedJson& params) {
  const ParsedJson* meta = meta_of(params);
  return meta != nullptr && meta->contains(revision_key);
}

std::string revision_named_by(const ParsedJson& params) {
  const ParsedJson* meta = meta_of(params);
  return meta == nullptr ? std::string() : string_member(*meta, revision_key);
}

std::variant<Revision, Answer> revision_of(const Json& id, const ParsedJson& params) {
  const ParsedJson* meta = meta_of(params);
  for (const char* key : {revision_key, capabilities_key}) {
    if (meta == nullptr || !meta->contains(key)) {
      return error_answer(id, error_code::invalid_params,
                          fmt::format("params._meta has no \"{}\"", key));
    }
  }
  if (!meta->at(revision_key).is_string() || !meta->at(capabilities_key).is_object()) {
    return error_answer(id, error_code::invalid_params,
                        fmt::format("in params._meta, \"{}\" is a string and \"{}\" an object",
                                    revision_key, capabilities_key));
  }
  const std::string name = string_member(*meta, revision_key);
  const auto revision = revision_from_string(name);
  if (!revision || *revision < first_without_handshake) {
    Json supported = Json::array();
    for (const Revision known : all_revisions) {
      supported.push_back(to_string(known));
    }
    return error_answer(
        id, error_code::unsupported_protocol_version, "Unsupported protocol version",
        {{"supported", std::move(supported)}, {"requested", base::printable(name, max_id_bytes)}});
  }
  return *revision;
}

Json progress_token_of(const ParsedJson& params) {
  const ParsedJson* meta = meta_of(params);
  if (meta == nullptr) {
    return nullptr;
  }
  const auto found = meta->find("progressToken");
  const bool usable =
      found != meta->end() &&
      (found->is_number() ||
       (found->is_string() && found->get_ref<const std::string&>().size() <= max_id_bytes));
  return usable ? Json(*found) : Json();
}

std::optional<LogLevel> log_level_of(const ParsedJson& params) {
  const ParsedJson* meta = meta_of(params);
  return meta == nullptr ? std::nullopt
                         : log_level_from_string(string_member(*meta, log_level_key));
}

}  // namespace omnisandbox::mcp
