#include "cli/audit_log.h"

#include <fmt/chrono.h>

#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"
#include "omnisandbox/audit.h"

namespace omnisandbox::cli {
namespace {

// A record's fields are cut to 4 KiB each, which escapes can make longer.
constexpr std::size_t max_record_bytes = std::size_t{128} * 1024;
constexpr std::size_t piece_bytes = std::size_t{64} * 1024;

/// Whether `text` begins as a time in RFC 3339 does.
bool is_beginning_of_time(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.dddddd";
  constexpr std::size_t date_length = 10;
  if (text.size() < date_length || text.size() > shape.size()) {
    return false;
  }
  for (std::size_t index = 0; index < text.size(); ++index) {
    const bool is_digit = text[index] >= '0' && text[index] <= '9';
    if (shape[index] == 'd' ? !is_digit : text[index] != shape[index]) {
      return false;
    }
  }
  return true;
}

bool has_member(const mcp::ParsedJson& record, const char* name,
                const std::optional<std::string>& wanted) {
  return !wanted || mcp::string_member(record, name) == *wanted;
}

bool is_record(const mcp::ParsedJson& json) {
  if (!json.is_object()) {
    return false;
  }
  const std::string event = mcp::string_member(json, "event");
  return (event == "decision" || event == "outcome") &&
         is_beginning_of_time(mcp::string_member(json, "time").substr(0, 10));
}

}  // namespace

bool AuditFilter::matches(const mcp::ParsedJson& record) const {
  const std::string time = mcp::string_member(record, "time");
  return has_member(record, "capability", capability) && has_member(record, "answer", answer) &&
         has_member(record, "run_id", run_id) && (!since || time >= *since) &&
         (!until || time.substr(0, until->size()) <= *until);
}

Expected<std::string> audit_time(std::string_view written) {
  if (const auto ago = base::parse_duration(written); ago && ago->count() >= 0) {
    const auto then =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() - *ago);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
  }
  if (written.ends_with('Z')) {
    written.remove_suffix(1);
  }
  if (!is_beginning_of_time(written)) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" is no time; write 2026-11-27, 2026-11-27T08:30 (both UTC), or "
                            "10m for ten minutes ago",
                            base::printable(written, 64));
  }
  return std::string(written);
}

Expected<std::vector<AuditFile>> open_rotated(const std::string& path,
                                              const AuditFile::Events& events) {
  std::vector<AuditFile> files;
  for (unsigned number = max_kept_audit_files; number > 0; --number) {
    auto file = AuditFile::open(fmt::format("{}.{}", path, number), events);
    if (file) {
      files.push_back(*std::move(file));
    } else if (file.error().kind != ErrorKind::not_found) {
      return std::move(file).error();
    }
  }
  return files;
}

AuditFile::AuditFile(linux_::Fd file, const Events& events)
    : file_(std::move(file)),
      lines_(max_record_bytes, {.on_line =
                                    [events](std::string_view line) {
                                      const auto json = mcp::parse_json(line);
                                      if (json && is_record(*json)) {
                                        events.on_record(*json, line);
                                      } else {
                                        events.on_garbage();
                                      }
                                    },
                                .on_too_long = [events] { events.on_garbage(); }}) {}

Expected<AuditFile> AuditFile::open(const std::string& path, const Events& events) {
  auto file = linux_::open_at2(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, 0);
  if (!file) {
    Error error = std::move(file).error();
    error.message = fmt::format("the audit log {}: {}", base::printable(path), error.message);
    return error;
  }
  const struct stat status = TRY(linux_::stat_of(*file));
  if (!S_ISREG(status.st_mode)) {
    return base::make_error(ErrorKind::invalid_argument, "the audit log {}: not a regular file",
                            base::printable(path));
  }
  return AuditFile(*std::move(file), events);
}

Expected<void> AuditFile::take_new() {
  const struct stat status = TRY(linux_::stat_of(file_));
  if (static_cast<std::uint64_t>(status.st_size) < taken_bytes_) {
    taken_bytes_ = 0;  // it was emptied, and begins anew
  }
  std::vector<std::byte> piece(piece_bytes);
  for (;;) {
    const std::size_t got = TRY(linux_::read_full_at(file_, piece, taken_bytes_));
    if (got == 0) {
      return {};
    }
    taken_bytes_ += got;
    lines_.take({reinterpret_cast<const char*>(piece.data()), got});
  }
}

bool AuditFile::was_replaced(const std::string& path) const {
  const auto mine = linux_::stat_of(file_);
  const auto named = linux_::open_at2(AT_FDCWD, path, O_PATH, 0, 0);
  if (!mine || !named) {
    return false;
  }
  const auto other = linux_::stat_of(*named);
  return other && (other->st_ino != mine->st_ino || other->st_dev != mine->st_dev);
}

}  // namespace omnisandbox::cli
