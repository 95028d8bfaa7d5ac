#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>

/// What the host and the first process of a container say to each other over the container's
/// standard streams. Both are built together on the machine that runs them, so that the layout is
/// the compiler's own.
///
/// stdout: Ready, with one PathFacts for each path of the argument list. Then for each job the
/// command's output, or the FileEntries that were asked for; End. A job that asks for the report
/// has it once more, and no End.
/// stderr: for each other job the command's output; Ending.
/// stdin: Job with its text; then InputFrames, each with its bytes, or FileEntries. After the last
/// frame or entry the next Job may follow, where the one before was not the last. The end of stdin
/// anywhere else says that the host is gone or gives up: everything in the container ends.
namespace omnisandbox::docker::init {

inline constexpr std::uint32_t protocol_version = 3;
inline constexpr std::uint32_t ready_magic = 0x01'4f'53'52;
inline constexpr std::uint32_t job_magic = 0x01'4f'53'4a;
inline constexpr std::uint32_t end_magic = 0x01'4f'53'45;

/// Where the program stands in a container.
inline constexpr char program_path[] = "/.omnisandbox/init";
/// The socket on which it hands the listener for the proxy to the host; mounted where there is one.
inline constexpr char listener_socket_path[] = "/.omnisandbox/listener";
inline constexpr std::uint16_t proxy_port = 3128;

/// Its first argument: what it does besides. Paths to report on follow.
inline constexpr char plain_mode[] = "plain";
inline constexpr char listener_mode[] = "listener";

// The kernel's own bound on arguments and environment is near (execve(2), ARG_MAX).
inline constexpr std::uint32_t max_job_bytes = 4 * 1024 * 1024;
inline constexpr std::uint32_t max_frame_bytes = 64 * 1024;

struct Ready {
  std::uint32_t magic = ready_magic;
  std::uint32_t version = protocol_version;
  std::uint32_t path_count = 0;
  /// errno of the step that hands over the listener; 0 where it went well or was not asked for.
  std::int32_t listener_error = 0;
};

/// What stands at a path of the argument list; links are not followed.
struct PathFacts {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t special_device = 0;  ///< of a device file
  std::uint32_t mode = 0;
  std::uint32_t is_read_only = 0;  ///< its mount
  std::uint32_t entry_count = 0;   ///< of a folder; at most 2 are counted
  std::int32_t error = 0;          ///< errno; 0: the rest is valid
};

using Token = std::array<std::uint8_t, 16>;

enum class JobKind : std::uint32_t { run = 1, take_files = 2, give_files = 3, report = 4 };

struct Job {
  std::uint32_t magic = job_magic;
  std::uint32_t version = protocol_version;
  Token token{};  ///< only the host and this process know it: marks the end of both streams
  JobKind kind = JobKind::run;
  std::uint32_t is_last = 1;
  /// Of a command: working folder, arguments and variables (NAME=VALUE), each ended by NUL. Of
  /// files: the path that is filled or read.
  std::uint32_t text_bytes = 0;
  std::uint32_t argument_count = 0;
  std::uint32_t variable_count = 0;
  std::uint32_t reserved = 0;
  std::uint64_t cpu_time_limit_us = 0;  ///< of everything in the container; 0: none
  // Of files that are read:
  std::uint64_t max_file_bytes = 0;
  std::uint64_t max_total_bytes = 0;
  std::uint64_t max_entries = 0;
};

/// Ends the command of a job that is not the last; the engine sends it. By default it does nothing
/// to the first process of a container, and commands seldom use it.
inline constexpr int end_command_signal = SIGPWR;
inline constexpr char end_command_signal_name[] = "SIGPWR";

/// A file or folder, with its path beneath the one of the job and its content after it. Folders
/// come before what they hold. `end` is the last, and has neither.
enum class EntryKind : std::uint32_t { end = 0, folder = 1, file = 2 };
struct FileEntry {
  EntryKind kind = EntryKind::end;
  std::uint32_t mode = 0;  ///< permission bits
  std::uint64_t size_bytes = 0;
  std::uint32_t path_bytes = 0;  ///< 0: the path of the job itself
  std::uint32_t reserved = 0;
};
// Linux's PATH_MAX.
inline constexpr std::uint32_t max_path_bytes = 4096;
// Deeper trees are made to be in the way.
inline constexpr unsigned max_tree_depth = 64;

enum class FrameKind : std::uint32_t { data = 1, end_of_input = 2 };
struct InputFrame {
  FrameKind kind = FrameKind::data;
  std::uint32_t size_bytes = 0;
};

/// The last bytes on stdout. Everything that could write there is gone.
struct End {
  std::uint32_t magic = end_magic;
  std::uint32_t version = protocol_version;
  Token token{};
};

enum class Cause : std::uint32_t {
  command_ended = 0,
  host_gone = 1,
  cpu_time = 2,
  told_to_end = 3,  ///< by end_command_signal, which processes of the container can send as well
};
enum class Step : std::uint32_t { none = 0, prepare = 1, enter_folder = 2, execute = 3, files = 4 };

/// The last bytes on stderr.
struct Ending {
  End end{};
  Cause cause = Cause::command_ended;
  Step failed_step = Step::none;  ///< the command never ran, or not all files were copied
  std::int32_t failed_errno = 0;
  std::int32_t wait_status = 0;  ///< of the command, as of wait(2)
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t cpu_time_us = 0;
  std::uint64_t memory_kills = 0;       ///< by the kernel, for the container's memory limit
  std::uint64_t task_refusals = 0;      ///< for the limit of processes and threads
  std::uint32_t has_survivors = 0;      ///< processes are left that cannot be ended from inside
  std::uint32_t left_out = 0;           ///< entries that are neither files nor folders
  std::array<char, 256> failed_path{};  ///< of `Step::files`; ended by NUL
};

}  // namespace omnisandbox::docker::init
