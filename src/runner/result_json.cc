#include "runner/result_json.h"

#include <chrono>

#include "base/utf8.h"
#include "runner/base64.h"

namespace omnisandbox::runner {

std::string to_line(const Json& json) {
  constexpr bool ascii_only = true;
  return json.dump(-1, ' ', ascii_only, Json::error_handler_t::replace) + "\n";
}

void add_bytes(Json& json, const std::string& name, std::string_view bytes) {
  if (base::is_utf8(bytes)) {
    json[name] = bytes;
  } else {
    json[name] = to_base64(bytes);
    json[name + "_encoding"] = "base64";
  }
}

Json denial_json(const Denial& denial) {
  return {{"capability", to_string(denial.capability)},
          {"resource", denial.resource},
          {"reason", denial.reason},
          {"rule", denial.rule},
          {"remedy", denial.remedy}};
}

Json refusal_json(const Refusal& refusal) {
  return {{"kind", to_string(refusal.thing)}, {"action", refusal.action}, {"name", refusal.name},
          {"layer", refusal.layer},           {"reason", refusal.reason}, {"rule", refusal.rule},
          {"remedy", refusal.remedy},         {"count", refusal.count}};
}

Json error_json(const Error& error) {
  Json json = {{"kind", to_string(error.kind)}, {"message", error.message}};
  if (!error.resource.empty()) {
    json["resource"] = error.resource;
  }
  return json;
}

Json result_json(const Result& result, int exit_code) {
  Json json;
  json["status"] = to_string(result.status);
  json["exit_code"] = result.status == Status::exited ? result.exit_code : exit_code;
  add_bytes(json, "stdout", result.stdout_data);
  add_bytes(json, "stderr", result.stderr_data);
  json["stdout_truncated"] = result.stdout_truncated;
  json["stdout_bytes"] = result.stdout_bytes;
  json["stderr_truncated"] = result.stderr_truncated;
  json["stderr_bytes"] = result.stderr_bytes;
  json["duration_ms"] = std::chrono::duration<double, std::milli>(result.duration).count();
  json["peak_memory_bytes"] = result.peak_memory_bytes;
  json["cpu_time_ms"] = std::chrono::duration<double, std::milli>(result.cpu_time).count();
  json["fuel_consumed"] = result.fuel_consumed ? Json(*result.fuel_consumed) : Json();
  json["module_cache"] = to_string(result.module_cache);
  json["sandbox"] = {{"kind", result.sandbox.kind}, {"layers", result.sandbox.layers}};
  json["denials"] = Json::array();
  for (const Denial& denial : result.denials) {
    json["denials"].push_back(denial_json(denial));
  }
  json["denial_count"] = result.denial_count;
  if (result.refusals) {
    json["refusals"] = Json::array();
    for (const Refusal& refusal : result.refusals->entries) {
      json["refusals"].push_back(refusal_json(refusal));
    }
    json["refusal_count"] = result.refusals->count;
    json["refusals_cut"] = result.refusals->is_cut;
  }
  json["error"] = result.error ? error_json(*result.error) : Json();
  json["run_id"] = result.run_id;
  return json;
}

Json response_json(const HttpResponse& response) {
  Json json;
  json["status"] = response.status;
  json["headers"] = Json::array();
  for (const HttpHeader& header : response.headers) {
    json["headers"].push_back({{"name", header.name}, {"value", header.value}});
  }
  add_bytes(json, "body", response.body);
  json["final_url"] = response.final_url;
  return json;
}

}  // namespace omnisandbox::runner
