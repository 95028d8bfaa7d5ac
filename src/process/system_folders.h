#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "process/launch_plan.h"
#include "process/system_stamp.h"
#include "process/view_builder.h"

namespace omnisandbox::process {

/// The read-only part of the system that programs need to start: libraries, the loader, data,
/// a few files of /etc. No program is in it: those come one by one. `stamp` notes all that was
/// looked at; SystemParts keeps the answer by it.
void add_system_folders(const ViewRequest& request, FileViewPlan& plan, SystemStamp& stamp);

/// Where a program outside of the usual folders brings its libraries along: PREFIX/lib and
/// PREFIX/lib64 of PREFIX/bin/program. They belong to the system's part where nobody but root can
/// write there and they lie in nobody's home; else the policy has to open them.
std::vector<std::string> own_libraries_of(std::string_view program);

/// The programs themselves, each a mount of its own that may be executed, under the path that the
/// policy resolved and under the name that it lists.
void add_programs(const ViewRequest& request, FileViewPlan& plan);

/// /dev with the harmless nodes, and names for the standard streams.
void add_devices(FileViewPlan& plan);

/// Fills in the identity of what `source` names now; false where it is missing.
bool identify(ViewStep& step);

}  // namespace omnisandbox::process
