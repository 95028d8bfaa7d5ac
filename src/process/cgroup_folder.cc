#include "process/cgroup_folder.h"

#include "linux/file_names.h"

namespace omnisandbox::process {
namespace {

bool remove_group(const linux_::Fd& parent, const std::string& name) {
  return linux_::remove_directory_at(parent, name).has_value();
}

}  // namespace

std::optional<CgroupFolder> CgroupFolder::make_in(const linux_::Fd& parent) {
  auto folder = make_locked_folder(parent);
  return folder ? std::optional(CgroupFolder(std::move(*folder))) : std::nullopt;
}

CgroupFolder::~CgroupFolder() {
  if (folder_.handle.is_open()) {
    static_cast<void>(remove_group(folder_.parent, folder_.name));
  }
}

void remove_abandoned_cgroups(const linux_::Fd& parent) {
  remove_abandoned_folders(parent, remove_group);
}

}  // namespace omnisandbox::process
