#include "process/view_roots.h"

#include <algorithm>
#include <iterator>

#include "policy/path/path_text.h"

namespace omnisandbox::process {

using policy::CompiledPolicy;
using policy::PathRoot;

bool is_special(std::string_view path) {
  return std::any_of(
      std::begin(special_folders), std::end(special_folders),
      [path](std::string_view folder) { return policy::is_at_or_beneath(path, folder); });
}

ViewRoots::ViewRoots(const CompiledPolicy& policy) : policy_(policy) {
  for (const CompiledPolicy* layer = &policy; layer != nullptr; layer = layer->base()) {
    for (const auto& root : layer->paths().roots()) {
      roots_.emplace(root->path, root.get());
    }
  }
  mounted_.emplace(temporary_folder);
  mounted_.insert(std::begin(special_folders), std::end(special_folders));
  for (const auto& [path, root] : roots_) {
    if (root->is_directory && !is_special(path) && access_of(path).opens()) {
      mounted_.insert(guest_path_of(path, *root));
    }
  }
}

bool ViewRoots::is_mounted_over(std::string_view target) const {
  return mounted_.find(target) != mounted_.end();
}

// The capabilities have been taken into account by the rules.
ViewAccess ViewRoots::access_of(std::string_view path) const {
  auto least = PathAccess::read_write;
  for (const CompiledPolicy* layer = &policy_; layer != nullptr; layer = layer->base()) {
    const auto answer = layer->paths().judge(path);
    least = std::min(least, answer.root == nullptr ? PathAccess::none : answer.access);
  }
  return {.reads = least >= PathAccess::read && policy_.has(Capability::fs_read),
          .writes = least == PathAccess::read_write && policy_.has(Capability::fs_write)};
}

bool ViewRoots::may_hide_below(std::string_view path) const {
  for (const CompiledPolicy* layer = &policy_; layer != nullptr; layer = layer->base()) {
    if (!layer->paths().rule_below(path).empty()) {
      return true;
    }
  }
  return false;
}

bool ViewRoots::may_hide_anything_below(std::string_view path) const {
  return policy_.may_take_away_below(path);
}

bool ViewRoots::has_opening_below(std::string_view path) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const auto& root) {
    return root.first != path && policy::is_at_or_beneath(root.first, path) &&
           access_of(root.first).opens();
  });
}

std::string ViewRoots::guest_path_of(const std::string& path, const PathRoot& root) const {
  // The innermost layer names things; an outer root inside one of its folders is named by that.
  const auto answer = policy_.paths().judge(path);
  const PathRoot& naming = answer.root != nullptr ? *answer.root : root;
  return guest_name(naming.guest_path, naming.path, path);
}

bool ViewRoots::has_same_name(const std::string& path) const {
  const auto answer = policy_.paths().judge(path);
  return answer.root != nullptr && guest_path_of(path, *answer.root) == path;
}

std::string guest_name(const std::string& guest, std::string_view host_folder,
                       std::string_view host_path) {
  if (host_path == host_folder) {
    return guest;
  }
  const std::size_t skip = host_folder == "/" ? 1 : host_folder.size() + 1;
  return policy::join(guest, host_path.substr(skip));
}

}  // namespace omnisandbox::process
