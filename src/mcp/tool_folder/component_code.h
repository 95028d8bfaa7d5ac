#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "mcp/tool_folder/folder_files.h"
#include "mcp/workspace.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/policy.h"
#include "runner/policy_source.h"

namespace omnisandbox::mcp {

class ComponentCode;

/// Which components are ready to be called: the ones used last. Thread rule: all of it from any
/// thread.
class ReadyComponents {
 public:
  /// `code` is used now; one that was not for longest may not be ready any more afterwards.
  void used(const std::shared_ptr<ComponentCode>& code);

 private:
  std::mutex mutex_;
  std::list<std::weak_ptr<ComponentCode>> used_;  // guarded by mutex_; the one used last first
};

/// A component of the folder as it was when it was listed, under its own policy. It is loaded when
/// it is called, unless it is ready. Thread rule: all of it from any thread.
class ComponentCode : public std::enable_shared_from_this<ComponentCode> {
 public:
  ComponentCode(std::shared_ptr<const Workspace> workspace, std::shared_ptr<ReadyComponents> ready,
                std::string folder, ComponentFiles files, runner::NarrowPolicy policy)
      : workspace_(std::move(workspace)),
        ready_components_(std::move(ready)),
        folder_(std::move(folder)),
        files_(std::move(files)),
        policy_(std::move(policy)) {}

  /// Errors: as ModuleExports::load; `io` where the file has changed; `timeout` where another call
  /// loads it for too long.
  Expected<std::shared_ptr<ModuleExports>> exports(std::chrono::steady_clock::time_point deadline,
                                                   const std::stop_token& stop);
  const Policy& policy() const noexcept { return policy_.policy; }
  /// Of each call, by its own policy.
  std::chrono::milliseconds call_timeout() const noexcept { return policy_.call_timeout; }
  const ComponentFiles& files() const noexcept { return files_; }

  /// Calls under way keep what they use.
  void drop();

 private:
  std::shared_ptr<ModuleExports> loaded_exports();
  Expected<std::shared_ptr<ModuleExports>> load(std::chrono::steady_clock::time_point deadline,
                                                const std::stop_token& stop) const;

  const std::shared_ptr<const Workspace> workspace_;         // shared with the tools
  const std::shared_ptr<ReadyComponents> ready_components_;  // shared with the other components
  const std::string folder_;
  const ComponentFiles files_;
  const runner::NarrowPolicy policy_;
  std::timed_mutex loading_;
  std::mutex mutex_;
  std::shared_ptr<ModuleExports> exports_;  // guarded by mutex_; shared with the calls under way
};

}  // namespace omnisandbox::mcp
