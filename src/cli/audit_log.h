#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/fd.h"
#include "mcp/json_text.h"
#include "mcp/line_reader.h"
#include "omnisandbox/expected.h"

/// Reading of audit logs: JSON lines, as `--audit` writes them. Whatever stands in a file, what is
/// no record is counted and passed over.
namespace omnisandbox::cli {

/// Which records are meant; what is unset holds for all.
struct AuditFilter {
  std::optional<std::string> capability{};
  std::optional<std::string> answer{};  ///< "grant" or "denial"
  std::optional<std::string> run_id{};
  std::optional<std::string> since{};  ///< as `audit_time` gives it
  std::optional<std::string> until{};

  bool matches(const mcp::ParsedJson& record) const;
};

/// A point in time as records tell it, or the beginning of one: "2026-11-27" or
/// "2026-11-27T08:30" (UTC) as they are, "10m" as the time so long ago. Error: `invalid_argument`.
Expected<std::string> audit_time(std::string_view written);

/// One file of a log, taken apart into records, also while it grows.
class AuditFile {
 public:
  struct Events {
    /// With the line that it was read from.
    std::function<void(const mcp::ParsedJson&, std::string_view line)> on_record;
    std::function<void()> on_garbage;  ///< for each line that is no record
  };
  /// Errors: `not_found`, `invalid_argument` for what is no regular file, `io`.
  static Expected<AuditFile> open(const std::string& path, const Events& events);

  /// Takes what is there and was not taken before.
  Expected<void> take_new();
  /// A last line without an end counts too.
  void finish() { lines_.end(); }
  /// Whether `path` names another file by now, as after a rotation; false where it names none.
  bool was_replaced(const std::string& path) const;

 private:
  AuditFile(linux_::Fd file, const Events& events);
  linux_::Fd file_;
  std::uint64_t taken_bytes_ = 0;
  mcp::LineReader lines_;
};

/// The files that rotations have left, the oldest first. Errors as of AuditFile::open.
Expected<std::vector<AuditFile>> open_rotated(const std::string& path,
                                              const AuditFile::Events& events);

}  // namespace omnisandbox::cli
