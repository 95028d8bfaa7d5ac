#pragma once

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace omnisandbox::wasm {

/// The worker processes of this process, and those that are about to be ones.
inline std::set<pid_t> workers() {
  namespace fs = std::filesystem;
  std::set<pid_t> found;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      std::error_code problem;
      if (fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", problem).filename() ==
              "omnisandbox-worker" ||
          problem) {
        found.insert(pid);
      }
    }
  }
  return found;
}

}  // namespace omnisandbox::wasm
