#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

/// Which part of a file. The default is all of it.
struct ReadRange {
  std::uint64_t offset = 0;
  std::optional<std::uint64_t>
      length{};  ///< bytes; unset: to the end. Fewer come back at the end of the file
};

enum class FileType : std::uint8_t { regular, directory, symlink, other };

struct FileInfo {
  FileType type = FileType::other;
  std::uint64_t size_bytes = 0;
  std::chrono::system_clock::time_point modified{};
  std::uint32_t mode = 0;  ///< permission bits
};

struct DirectoryEntry {
  std::string name;
  FileType type = FileType::other;
};

enum class WriteMode : std::uint8_t {
  replace,  ///< the old content or the new one, never a mix
  append,
  create_new,  ///< error `already_exists` when the name is taken
};

/// Whether a write must survive a power failure (fsync before and after the rename).
enum class Durability : std::uint8_t { none, synced };

struct WriteOptions {
  WriteMode mode = WriteMode::replace;
  Durability durability = Durability::none;
};

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string url;
  std::string method = "GET";
  std::vector<HttpHeader> headers{};
  std::string body{};
  /// When set, the body is passed here in pieces instead of being kept. Returning false ends the
  /// transfer (error `cancelled`).
  std::function<bool(std::string_view)> on_body{};
  std::uint32_t max_redirects = 10;
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers{};
  std::string body{};
  std::string final_url{};
};

/// A command for `exec_run`. No shell is ever involved: `args` are plain bytes.
struct CommandRequest {
  std::string command;
  std::vector<std::string> args{};
  std::string stdin_data{};
  std::string run_id{};  ///< as it stands in audit records; exec_run sets its own
};

/// Runs a granted command under confinement; the process sandbox fills this in.
/// Thread rule: `run` may be called from several threads.
class CommandRunner {
 public:
  virtual ~CommandRunner() = default;
  virtual Expected<Result> run(const Policy& policy, const CommandRequest& request,
                               std::chrono::steady_clock::time_point deadline,
                               std::stop_token stop) = 0;
};

/// How paths in calls are to be read: as host paths, or as a guest sees them (`guest_path` of the
/// rules).
enum class PathView : std::uint8_t { host, guest };

struct HostFunctionOptions {
  std::shared_ptr<AuditSink>
      audit{};  ///< none: no records (an error when the policy has audit_required)
  std::shared_ptr<CommandRunner> commands{};  ///< none: exec_run answers `unavailable`
  PathView path_view = PathView::host;
  std::string run_id{};          ///< empty: a fresh one
  std::string sandbox = "call";  ///< as named in audit records
  std::optional<std::chrono::steady_clock::time_point>
      deadline{};          ///< unset: now + the policy's timeout
  std::stop_token stop{};  ///< ends every call soon after a stop
};

/// The only ways out of a sandbox. One object serves one run: quotas (bytes written, calls, files
/// created) and the list of denials are its own. Safe to call from several threads. Every call
/// judges, audits, then acts.
class HostFunctions {
 public:
  /// Fails with `unavailable` when the policy demands an audit sink and there is none.
  static Expected<HostFunctions> create(Policy policy, HostFunctionOptions options = {});
  HostFunctions(HostFunctions&&) noexcept;
  HostFunctions& operator=(HostFunctions&&) noexcept;
  ~HostFunctions();

  /// The bytes of a regular file. `too_large` beyond max_file_bytes (of the range that was asked
  /// for).
  Expected<std::string> fs_read(std::string_view path, ReadRange range = {});
  Expected<FileInfo> fs_stat(std::string_view path);
  /// Sorted by name; entries that the policy hides (access none) are left out. `limit` beyond
  /// 100,000 entries.
  Expected<std::vector<DirectoryEntry>> fs_list(std::string_view path);

  Expected<void> fs_write(std::string_view path, std::string_view content,
                          WriteOptions options = {});
  /// A file, or an empty folder.
  Expected<void> fs_delete(std::string_view path);
  Expected<void> fs_make_directory(std::string_view path);

  /// HTTP/1.1 and HTTP/2. Each redirect is judged as a new request. A status of 400 and above is
  /// not an error.
  Expected<HttpResponse> http_fetch(const HttpRequest& request);

  /// The command's Result; its exit code is not an error.
  Expected<Result> exec_run(const CommandRequest& request);

  const Policy& policy() const noexcept;
  const std::string& run_id() const noexcept;
  /// Denials so far, at most `max_reported_denials`, and how many there were in all.
  std::vector<Denial> denials() const;
  std::uint64_t denial_count() const noexcept;

  class Impl;  // for OmniSandbox's own sandboxes: src/host_functions/run_context.h
  Impl& impl() noexcept { return *impl_; }

 private:
  explicit HostFunctions(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox
