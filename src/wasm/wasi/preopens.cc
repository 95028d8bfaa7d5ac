#include "wasm/wasi/preopens.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "policy/path/path_text.h"

namespace omnisandbox::wasm::wasi {
namespace {

using policy::CompiledPolicy;
using policy::PathRoot;
using policy::PathUse;

bool is_open(const CompiledPolicy& policy, std::string_view host_path) {
  return policy.judge_path(host_path, PathUse::read, host_path).has_value() ||
         policy.judge_path(host_path, PathUse::write, host_path).has_value();
}

// What a path beneath `folder` is called, seen from it.
std::string_view rest_beneath(std::string_view path, std::string_view folder) {
  return folder == "/" ? path.substr(1) : path.substr(folder.size() + 1);
}

class Preopens {
 public:
  void add_folder(const std::string& guest_path, const std::string& host_path) {
    if (folders_.contains(guest_path)) {
      return;
    }
    folders_.emplace(guest_path, list_.size());
    list_.push_back(folder(guest_path, host_path));
  }

  // Guests reach a file through a folder, so its folder is shown: as one that holds this file.
  void add_file(const std::string& guest_path, const std::string& host_path) {
    const std::string guest_folder(policy::parent_of(guest_path));
    const Descriptor* shown = nearest_folder_over(guest_path);
    if (shown != nullptr && !shown->is_folder_of_files) {
      if (policy::join(shown->canonical, rest_beneath(guest_path, *shown->preopen_name)) ==
          host_path) {
        return;
      }
      // A folder of that guest name further down would hide what `shown` holds there.
      if (*shown->preopen_name != guest_folder) {
        return;
      }
    }
    const auto [found, is_new] = folders_.emplace(guest_folder, list_.size());
    if (is_new) {
      Descriptor descriptor = folder(guest_folder, guest_folder);
      descriptor.is_folder_of_files = true;
      list_.push_back(std::move(descriptor));
    }
    list_[found->second].allowed_files.push_back(
        {std::string(policy::last_component_of(guest_path)), host_path});
  }

  std::vector<Descriptor> take() { return std::move(list_); }

 private:
  static Descriptor folder(const std::string& guest_path, const std::string& host_path) {
    Descriptor descriptor;
    descriptor.kind = Descriptor::Kind::directory;
    // All rights, also where a rule opens the folder for reading only: a guest that asks for more
    // is then told so by the policy, with a reason, rather than left without.
    descriptor.base = rights::of_directory;
    descriptor.inheriting = rights::all;
    descriptor.canonical = host_path;
    descriptor.preopen_name = guest_path;
    return descriptor;
  }

  const Descriptor* nearest_folder_over(std::string_view guest_path) const {
    while (guest_path != "/") {
      guest_path = policy::parent_of(guest_path);
      if (const auto found = folders_.find(std::string(guest_path)); found != folders_.end()) {
        return &list_[found->second];
      }
    }
    return nullptr;
  }

  std::vector<Descriptor> list_;
  std::unordered_map<std::string, std::size_t> folders_;  // guest path → index in list_
};

struct Candidate {
  const PathRoot* root;
  std::string guest_path;
};

// The rules of the innermost layer, then those of outer layers that lie inside one of them which is
// too wide for the outer layer: there the outer rule is what remains of it.
std::vector<Candidate> candidates_of(const CompiledPolicy& policy) {
  std::vector<Candidate> candidates;
  for (const auto& root : policy.paths().roots()) {
    candidates.push_back({root.get(), root->guest_path});
  }
  for (const CompiledPolicy* layer = policy.base(); layer != nullptr; layer = layer->base()) {
    for (const auto& root : layer->paths().roots()) {
      const PathRoot* over = policy.paths().judge(root->path).root;
      if (over != nullptr && over->path != root->path && !is_open(policy, over->path)) {
        candidates.push_back(
            {root.get(), policy::join(over->guest_path, rest_beneath(root->path, over->path))});
      }
    }
  }
  return candidates;
}

}  // namespace

std::vector<Descriptor> preopens_of(const CompiledPolicy& policy) {
  Preopens preopens;
  std::vector<Candidate> files;
  for (Candidate& candidate : candidates_of(policy)) {
    if (!is_open(policy, candidate.root->path)) {
      continue;
    }
    if (candidate.root->is_directory) {
      preopens.add_folder(candidate.guest_path, candidate.root->path);
    } else {
      files.push_back(std::move(candidate));
    }
  }
  // After all folders: whether a file needs a folder of its own depends on them.
  for (const Candidate& file : files) {
    preopens.add_file(file.guest_path, file.root->path);
  }
  return preopens.take();
}

}  // namespace omnisandbox::wasm::wasi
