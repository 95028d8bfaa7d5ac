#include "process/system_parts.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "process/system_folders.h"

namespace omnisandbox::process {

void SystemParts::add(const ViewRequest& request, FileViewPlan& plan) const {
  Wanted wanted{.tier = request.tier,
                .needs_certificates = request.needs_certificates,
                .any_program = request.any_program,
                .programs = {},
                .user = ::geteuid(),
                .group = ::getegid()};
  for (const ProgramFile& program : request.programs) {
    wanted.programs.push_back(program.path);
  }
  auto part = find(wanted);
  if (part == nullptr || !part->stamp.is_current()) {
    FileViewPlan made;
    SystemStamp stamp;
    add_system_folders(request, made, stamp);
    part = std::make_shared<const Part>(Part{.wanted = std::move(wanted),
                                             .stamp = std::move(stamp),
                                             .steps = std::move(made.steps),
                                             .landlock_paths = std::move(made.landlock_paths)});
    keep(part);
  }
  plan.steps.insert(plan.steps.end(), part->steps.begin(), part->steps.end());
  plan.landlock_paths.insert(plan.landlock_paths.end(), part->landlock_paths.begin(),
                             part->landlock_paths.end());
}

std::shared_ptr<const SystemParts::Part> SystemParts::find(const Wanted& wanted) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(parts_.begin(), parts_.end(),
                                  [&](const auto& part) { return part->wanted == wanted; });
  return found == parts_.end() ? nullptr : *found;
}

void SystemParts::keep(std::shared_ptr<const Part> part) const {
  const std::lock_guard lock(mutex_);
  std::erase_if(parts_, [&](const auto& other) { return other->wanted == part->wanted; });
  parts_.insert(parts_.begin(), std::move(part));
  if (parts_.size() > max_system_parts) {
    parts_.pop_back();
  }
}

}  // namespace omnisandbox::process
