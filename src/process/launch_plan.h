#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the library tells its launcher. The launcher has no Expected and no fmt: this header and
/// what it includes stay plain.
namespace omnisandbox::process {

// A plan beyond these bounds is refused by both sides.
inline constexpr std::size_t max_plan_bytes = 32 * 1024 * 1024;
inline constexpr std::size_t max_plan_entries = 40'000;  // each is a mount or a rule at most
inline constexpr std::size_t max_plan_text_bytes = 4 * 1024 * 1024;  // arguments and names

/// Descriptors that the launcher starts with, after 0, 1 and 2, which are the command's.
inline constexpr int control_descriptor = 3;
inline constexpr int signal_descriptor = 4;  ///< each byte read there is a signal for the command

/// How strong the walls are. The launcher of the weaker one makes no namespaces.
enum class Tier : std::uint8_t { namespaces = 1, landlock_only = 2 };

enum class StepKind : std::uint8_t {
  directory,     ///< make it, unless it is there
  symlink,       ///< `target` points to `source`; left out where the name is taken
  text_file,     ///< `target` with `source` as its content
  bind,          ///< the host's `source`, with all below it
  device,        ///< the host's device node `source`
  private_tree,  ///< an empty file system of `size_bytes` and `file_count`
  process_tree,  ///< a fresh /proc of the new process namespace
  mask,          ///< what is at `target` becomes an empty file or folder that nobody may open
  pin,           ///< `target` onto itself, read-only: cannot be renamed or removed either
  keep,          ///< the folder `target` cannot be renamed or removed (see ViewCovers)
};

enum StepFlags : std::uint8_t {
  step_read_only = 1,
  step_no_exec = 2,
  step_optional = 4,      ///< where source or target is missing or changed, leave it out
  step_is_file = 8,       ///< of `bind`: a single file
  step_keeps_stamp = 16,  ///< modification and change time must be as noted
};

/// One entry of the view, carried out in order. Sources are canonical host paths, found without
/// following any link; what is found must have the identity that is noted here. So must what
/// `mask`, `pin`, `keep` and `private_tree` find at their target: their names were seen a moment
/// ago, in folders that others may change.
struct ViewStep {
  StepKind kind = StepKind::directory;
  std::uint8_t flags = 0;
  std::string source{};
  std::string target{};  ///< absolute, in the new root
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  ///< 0: any identity
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t file_count = 0;
  bool operator==(const ViewStep&) const = default;
};

struct LandlockPath {
  std::string path;  ///< in the new root; one that is missing grants nothing
  std::uint64_t access = 0;
  bool operator==(const LandlockPath&) const = default;
};

struct ResourceLimit {
  std::uint32_t resource = 0;
  std::uint64_t value = 0;
  bool operator==(const ResourceLimit&) const = default;
};

/// Everything about the walls; the same for all runs under one policy.
struct LaunchPlan {
  Tier tier = Tier::namespaces;
  std::vector<ViewStep> steps{};
  std::vector<LandlockPath> landlock_paths{};
  std::string seccomp_filter{};  ///< struct sock_filter, one after the other
  std::vector<ResourceLimit> limits{};
  std::string host_name{};
  std::uint16_t proxy_port = 0;  ///< not 0: listen there, and pass the listener on
  /// Watched by the launcher where no cgroup does; 0: not watched.
  std::uint64_t watched_memory_bytes = 0;
  std::uint64_t watched_tasks = 0;
  std::uint64_t watched_cpu_ms = 0;  ///< of the whole tree; no cgroup watches that
  /// 1: the standard streams are a terminal, which becomes the command's own.
  std::uint8_t has_terminal = 0;
  /// 1: the filter hands calls over, and the library answers them.
  std::uint8_t hands_calls_over = 0;
  /// For tests of what a failing step leaves behind: the step of this number fails; 0: none.
  std::uint32_t failing_step = 0;
  bool operator==(const LaunchPlan&) const = default;
};

/// What to run inside the walls.
struct CommandStart {
  std::string program;              ///< path in the new root
  std::vector<std::string> args{};  ///< with the program's name in front
  std::vector<std::string> environment{};
  std::string working_dir{};
  bool operator==(const CommandStart&) const = default;
};

/// The wire form, without the length in front. Decoding answers nothing for anything that is not
/// exactly one plan within the bounds.
std::string encode(const LaunchPlan& plan);
std::string encode(const CommandStart& start);
std::optional<LaunchPlan> decode_plan(std::string_view bytes);
std::optional<CommandStart> decode_start(std::string_view bytes);

/// Whether the launcher takes it: no list and no text beyond the bounds.
bool is_within_bounds(const LaunchPlan& plan);
bool is_within_bounds(const CommandStart& start);

/// Each message to the launcher: its length in 4 bytes, and the wire form.
std::string framed(std::string_view message);

/// What a step that failed says beyond its error.
enum class SetupCause : std::uint32_t {
  plan,
  namespaces,    ///< it makes or uses the namespaces themselves, and is the same under every policy
  changed_view,  ///< what the plan hides or narrows is not there any more: plan anew
};

/// What the launcher tells. Sent whole, one after the other.
struct Report {
  enum class Kind : std::uint32_t {
    prepared = 1,   ///< the walls stand; `value` holds WallFlags
    setup_failed,   ///< `error_number`, `step`
    exec_failed,    ///< `error_number`, `step`
    ended,          ///< `status` as of wait(2)
    memory_limit,   ///< the launcher's own watch saw it passed
    process_limit,  ///< likewise
    cpu_limit,      ///< likewise
    peak_memory,    ///< of that watch, or of the largest process that ended: `value` KiB
    listener,       ///< of the proxy; a descriptor comes with it
    handed_calls,   ///< a descriptor comes with it, where calls are received and answered
  };
  Kind kind = Kind::setup_failed;
  std::int32_t error_number = 0;
  std::int32_t status = 0;
  std::uint32_t value = 0;  ///< of `setup_failed` a SetupCause
  char step[112] = {};      // zero-terminated: the call and what it was about
};
static_assert(sizeof(Report) == 128);

enum WallFlags : std::uint32_t {
  wall_process_tree = 1,  ///< /proc is there
  // From here on: the version of Landlock, 0 for none.
  wall_landlock_shift = 8,
};

}  // namespace omnisandbox::process
