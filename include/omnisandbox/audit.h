#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "omnisandbox/expected.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

/// One decision or one run's outcome.
struct AuditRecord {
  enum class Event { decision, outcome };
  Event event = Event::decision;
  std::chrono::system_clock::time_point time{};
  std::string run_id;
  std::string sandbox;  ///< "wasm", "process", "docker", "call"
  // Of a decision:
  std::optional<Capability> capability{};
  std::string operation;  ///< "fs_read", "fs_read.list", "wasi.path_open", "http_fetch", …
  std::string resource;
  std::string rule;
  bool granted = false;
  std::string reason;
  // Of an outcome:
  std::optional<Status> status{};
  int exit_code = 0;
  std::chrono::nanoseconds duration{};
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t denial_count = 0;
};

/// One JSON object without a newline; everything outside printable ASCII that came from outside is
/// escaped.
std::string to_json_line(const AuditRecord& record);

/// Where audit records go. Implementations are safe to call from any thread; a record is written
/// whole or not at all.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  /// An error means that the record is lost; under `audit_required` the decision is then a denial.
  virtual Expected<void> write(const AuditRecord& record) = 0;
};

/// Appends one JSON line a record (O_APPEND, one write(2) each, mode 0600), and moves the file to
/// `path.1` when it reaches `rotate_at_bytes`.
Expected<std::shared_ptr<AuditSink>> open_json_lines_audit(
    const std::filesystem::path& path, std::uint64_t rotate_at_bytes = 64 * 1024 * 1024);

/// Calls `callback` for each record, one at a time.
std::shared_ptr<AuditSink> make_callback_audit(std::function<void(const AuditRecord&)> callback);

}  // namespace omnisandbox
