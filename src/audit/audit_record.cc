#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "omnisandbox/audit.h"

namespace omnisandbox {
namespace {

// RFC 3339 in UTC with microseconds.
std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), micros);
}

// A record must stay small whatever a guest puts into a path or URL.
constexpr std::size_t max_field_bytes = 4096;

std::string field(std::string_view text) { return base::printable(text, max_field_bytes); }

}  // namespace

std::string to_json_line(const AuditRecord& record) {
  nlohmann::ordered_json json;
  json["time"] = timestamp(record.time);
  json["event"] = record.event == AuditRecord::Event::decision ? "decision" : "outcome";
  json["run_id"] = field(record.run_id);
  json["sandbox"] = field(record.sandbox);
  if (record.event == AuditRecord::Event::decision) {
    json["capability"] = record.capability ? to_string(*record.capability) : "";
    json["operation"] = field(record.operation);
    json["resource"] = field(record.resource);
    json["answer"] = record.granted ? "grant" : "denial";
    json["rule"] = field(record.rule);
    json["reason"] = field(record.reason);
  } else {
    json["operation"] = field(record.operation);
    json["resource"] = field(record.resource);
    json["status"] = record.status ? to_string(*record.status) : "";
    json["exit_code"] = record.exit_code;
    json["duration_ms"] = std::chrono::duration<double, std::milli>(record.duration).count();
    json["peak_memory_bytes"] = record.peak_memory_bytes;
    json["denial_count"] = record.denial_count;
    json["reason"] = field(record.reason);
  }
  // ASCII only: a log reader with another idea of the encoding cannot be led astray.
  constexpr bool ascii_only = true;
  return json.dump(-1, ' ', ascii_only, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace omnisandbox
