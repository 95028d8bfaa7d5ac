#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "mcp/server.h"
#include "mcp/tool_folder/component_tools.h"
#include "mcp/tool_folder/folder_files.h"
#include "mcp/workspace.h"

namespace omnisandbox::mcp {

/// What is wrong with `folder` as a place of tools, before anything of it is read: it is none, or
/// the policy lets tools write to it, so that one could replace another.
Expected<void> check_tool_folder(const Policy& policy, const std::string& folder);

/// Makes a tool of each component in a folder, and follows what changes there, until it is
/// destroyed. Nothing in the folder ends the server: what cannot be a tool is a problem that is
/// told once. Thread rule: none; it has threads of its own.
class ToolFolder {
 public:
  /// `server` outlives it. `report` is called with what is wrong, from another thread. Error:
  /// `limit`, when no thread can be started.
  static Expected<std::unique_ptr<ToolFolder>> start(
      Server& server, std::shared_ptr<const Workspace> workspace, std::string folder,
      std::function<void(const std::string&)> report);
  ~ToolFolder();
  /// Whether its threads have ended by then: a client that reads nothing can hold them up.
  bool end(std::chrono::steady_clock::time_point until);
  ToolFolder(const ToolFolder&) = delete;
  ToolFolder& operator=(const ToolFolder&) = delete;

 private:
  ToolFolder(Server& server, std::shared_ptr<const Workspace> workspace, std::string folder,
             std::function<void(const std::string&)> report);
  struct Known {
    ComponentFiles files;
    ComponentTools made;
  };
  void follow(const std::stop_token& stop);
  /// What is the same as a look before; of what changes at this moment, what was known.
  std::vector<ComponentFiles> settled(std::vector<ComponentFiles> seen,
                                      const std::vector<ComponentFiles>& before) const;
  void take(FolderLook look, const std::stop_token& stop);
  void load_all(const std::vector<ComponentFiles>& changed, const std::stop_token& stop);
  void publish(Server::MoreTools::Progress progress);
  std::vector<Tool> offered(std::vector<std::string>& problems) const;

  Server& server_;
  const std::shared_ptr<const Workspace> workspace_;  // shared with the tools
  const std::string folder_;
  const std::function<void(const std::string&)> report_;
  const std::shared_ptr<ReadyComponents> ready_;  // shared with the tools
  std::vector<std::string> folder_problems_;      // of the last look
  std::map<std::string, Known> known_;            // by the name without its ending
  std::set<std::string> reported_;                // problems that were told, and still are there
  std::mutex end_mutex_;
  std::condition_variable ended_;
  bool has_ended_ = false;  // guarded by end_mutex_
  std::jthread thread_;     // last: it uses the others
};

}  // namespace omnisandbox::mcp
