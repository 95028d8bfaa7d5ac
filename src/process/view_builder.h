#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "policy/compiled_policy.h"
#include "process/launch_plan.h"

namespace omnisandbox::process {

class SystemParts;

/// The file view of one run: what stands where in the new root, and what Landlock opens of it.
struct FileViewPlan {
  std::vector<ViewStep> steps;
  std::vector<LandlockPath> landlock_paths;
  std::string working_dir;
  bool hides_something = false;    ///< has masks or narrower folders: Landlock alone cannot do that
  bool renames_something = false;  ///< a folder has another name inside: neither can it do that
  std::uint64_t private_access = 0;  ///< what Landlock opens of /tmp
};

/// A program that may be executed inside, besides those that the policy resolved when it was
/// compiled.
struct ProgramFile {
  std::string name;  ///< as it was asked for
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
};

struct ViewRequest {
  const policy::CompiledPolicy* policy = nullptr;
  const SystemParts* system = nullptr;  ///< where the system's part is kept between runs
  Tier tier = Tier::namespaces;
  std::string working_dir;          ///< empty: the first allowed folder, else /tmp
  std::uint64_t private_bytes = 0;  ///< size of /tmp
  std::uint64_t private_files = 0;
  bool needs_certificates = false;
  std::vector<ProgramFile> programs;
  std::string main_program;  ///< path of the one to run; another that changed is left out
  bool any_program = false;  ///< the policy lists "*": whatever is on the search path
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// Derives the view from the policy. Looks through the folders that the policy opens for what its
/// rules take away inside them, so the answer holds for one run. What cannot be looked through is
/// hidden as a whole. `too_large` where there is more to look through than
/// `policy::max_searched_entries`, `timeout` at the deadline.
Expected<FileViewPlan> build_file_view(const ViewRequest& request);

/// The programs that every layer of a policy resolved.
std::vector<ProgramFile> programs_of(const policy::CompiledPolicy& policy);
/// Whether every layer lists "*".
bool allows_any_program(const policy::CompiledPolicy& policy);

}  // namespace omnisandbox::process
