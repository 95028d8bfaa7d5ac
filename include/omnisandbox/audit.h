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

/// How many files of a log are kept besides the one that is written. What hostile code did comes
/// before the flood of denials that it may cause: with 64 MiB each, some two million records stay.
inline constexpr std::uint64_t default_audit_file_bytes = 64 * 1024 * 1024;
inline constexpr unsigned default_kept_audit_files = 8;
inline constexpr unsigned max_kept_audit_files = 100;

/// Appends one JSON line a record (O_APPEND, one write(2) each, mode 0600), and moves the file to
/// `path.1` when it reaches `rotate_at_bytes`; what was there moves to `path.2` and so on, and of
/// more than `kept_files` the oldest is lost. `invalid_argument` where that is not from 1 to
/// `max_kept_audit_files`.
Expected<std::shared_ptr<AuditSink>> open_json_lines_audit(
    const std::filesystem::path& path, std::uint64_t rotate_at_bytes = default_audit_file_bytes,
    unsigned kept_files = default_kept_audit_files);

/// Calls `callback` for each record, one at a time.
std::shared_ptr<AuditSink> make_callback_audit(std::function<void(const AuditRecord&)> callback);

}  // namespace omnisandbox
