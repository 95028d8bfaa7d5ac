#include "process/run_plan.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "policy/compiled_policy.h"
#include "policy/limits.h"
#include "process/filter_program.h"
#include "process/step_identity.h"
#include "process/view_builder.h"
#include "process/view_roots.h"

namespace omnisandbox::process {
namespace {

// A page: to the kernel a size of 0 is none at all.
constexpr std::uint64_t least_private_bytes = 4096;

std::string working_dir_of(const Policy& policy, const JudgedCommand& judged) {
  if (!judged.terms.working_dir.empty()) {
    return std::string(judged.terms.working_dir);
  }
  return policy.config().working_dir;
}

ViewRequest view_request(const PlanRequest& request) {
  const policy::CompiledPolicy& compiled = request.policy.compiled();
  ViewRequest view{
      .policy = &compiled,
      .system = &request.machinery.system,
      .tier = request.tier,
      .working_dir = working_dir_of(request.policy, request.judged),
      // What lies there lies in memory: a full /tmp is an error of the command's, before it is the
      // end of the run.
      .private_bytes = std::max(least_private_bytes, std::min(compiled.limits().max_write_bytes,
                                                              request.judged.memory_bytes / 2)),
      .private_files = compiled.limits().max_files_created + 1,
      .needs_certificates = has_proxy(request.judged, request.machinery, request.tier),
      .programs = programs_of(compiled),
      .main_program = request.judged.program.path,
      .any_program = allows_any_program(compiled),
      .deadline = request.judged.deadline};
  if (std::none_of(view.programs.begin(), view.programs.end(), [&](const auto& program) {
        return program.path == request.judged.program.path;
      })) {
    view.programs.push_back(request.judged.program);
  }
  return view;
}

bool is_program(const ViewStep& step) {
  return step.kind == StepKind::bind && (step.flags & step_keeps_stamp) != 0;
}

// Landlock opens; it cannot take away inside what is open, nor rename.
Expected<void> use_landlock_alone(FileViewPlan& view, const std::string& main_program,
                                  const std::string& private_folder) {
  if (view.hides_something || view.renames_something) {
    return base::make_error(
        ErrorKind::unavailable,
        "this machine has no user namespaces, and without them the policy cannot be enforced for "
        "commands: it hides or narrows something inside an allowed folder, or shows one under "
        "another name (guest_path); allow user namespaces (docs/kernel_mechanisms.md), or open "
        "narrower folders");
  }
  std::erase_if(view.steps, [&](const ViewStep& step) {
    return step.kind != StepKind::bind || step.source != main_program;
  });
  std::erase_if(view.landlock_paths,
                [](const LandlockPath& rule) { return rule.path == temporary_folder; });
  view.landlock_paths.push_back({private_folder, view.private_access});
  if (view.working_dir == temporary_folder) {
    view.working_dir = private_folder;
  }
  return {};
}

}  // namespace

bool has_proxy(const JudgedCommand& judged, const RunMachinery& machinery, Tier tier) {
  return tier == Tier::namespaces && judged.wants_network && machinery.egress != nullptr;
}

Expected<std::string_view> filter_for(const RunMachinery& machinery, const LaunchPlan& walls) {
  if (walls.proxy_port != 0) {
    return machinery.filters.get(FilterKind::proxied);
  }
  return machinery.filters.get(walls.tier == Tier::landlock_only ? FilterKind::without_namespaces
                                                                 : FilterKind::no_network);
}

CgroupLimits cgroup_limits(const policy::CompiledPolicy& policy, const JudgedCommand& judged) {
  return {.memory_bytes = judged.memory_bytes,
          .tasks = std::uint64_t{policy.limits().max_processes} + 1};
}

Expected<RunPlan> make_run_plan(const PlanRequest& request) {
  const policy::CompiledPolicy& compiled = request.policy.compiled();
  const JudgedCommand& judged = request.judged;
  RunPlan plan;
  if (request.tier == Tier::landlock_only) {
    std::call_once(request.machinery.swept, PrivateFolder::remove_abandoned);
    plan.private_folder = TRY(PrivateFolder::create());
  }
  const ViewRequest wanted = view_request(request);
  FileViewPlan view = TRY(build_file_view(wanted));
  if (plan.private_folder) {
    TRY(use_landlock_alone(view, wanted.main_program, plan.private_folder->path()));
  }
  const bool proxied = has_proxy(judged, request.machinery, request.tier);
  LaunchPlan& walls = plan.walls;
  walls.tier = request.tier;
  walls.steps = std::move(view.steps);
  walls.landlock_paths = std::move(view.landlock_paths);
  walls.limits =
      resource_limits(compiled.limits(), judged.memory_bytes, request.reach, request.tier);
  walls.host_name = "sandbox";
  walls.proxy_port = proxied ? proxy_port : std::uint16_t{0};
  walls.seccomp_filter = std::string(TRY(filter_for(request.machinery, walls)));
  if (request.job.explain == Explain::yes) {
    walls.hands_calls_over = 1;
    walls.seccomp_filter = handing_over(walls.seccomp_filter);
  }
  walls.has_terminal = request.job.streams == CommandStreams::terminal ? 1 : 0;
  walls.watched_memory_bytes = request.reach.memory ? 0 : judged.memory_bytes;
  walls.watched_tasks = request.reach.tasks ? 0 : compiled.limits().max_processes;
  walls.watched_cpu_ms = compiled.limits().cpu_time
                             ? static_cast<std::uint64_t>(compiled.limits().cpu_time->count())
                             : 0;
  walls.failing_step = request.machinery.failing_step;

  CommandStart& start = plan.start;
  start.program = judged.program.path;
  start.args = {request.job.command};
  start.args.insert(start.args.end(), request.job.args.begin(), request.job.args.end());
  start.environment = environment_of(
      request.policy, judged, request.job, proxied,
      plan.private_folder ? plan.private_folder->path() : std::string(temporary_folder));
  start.working_dir = std::move(view.working_dir);
  if (!is_within_bounds(walls)) {
    return base::make_error(ErrorKind::limit,
                            "the policy hides or narrows too much for a command's walls: {} places "
                            "in the folders that it opens, {} at most with all that lies around "
                            "them; open narrower folders, or remove what is hidden in them",
                            walls.steps.size(), max_plan_entries);
  }
  if (!is_within_bounds(start)) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the arguments or the environment are too large: {} MiB together, {} "
                            "MiB each and {} of them at most",
                            max_plan_bytes / policy::mebibyte,
                            max_plan_text_bytes / policy::mebibyte, max_plan_entries);
  }
  return plan;
}

LaunchPlan without_main_program(LaunchPlan walls) {
  for (ViewStep& step : walls.steps) {
    if (is_program(step)) {
      step.flags |= step_optional;
    }
  }
  return walls;
}

bool sources_are_unchanged(const LaunchPlan& walls) {
  return std::all_of(walls.steps.begin(), walls.steps.end(), [](const ViewStep& step) {
    const bool is_system = (step.flags & step_optional) != 0 && !is_program(step);
    if (step.kind != StepKind::bind || step.inode == 0 || is_system) {
      return true;  // what the system brings, and what is covered, was looked at for this plan
    }
    const auto file = linux_::open_at2(AT_FDCWD, step.source, O_PATH | O_NOFOLLOW, 0,
                                       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    const auto status = file ? linux_::stat_of(*file) : Expected<struct stat>(file.error());
    return status && is_same_file(step, *status);
  });
}

}  // namespace omnisandbox::process
