#include "mcp/tool_folder/tool_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/stoppable_pause.h"
#include "base/try.h"
#include "linux/threads.h"
#include "mcp/tool_folder/limits.h"
#include "mcp/tool_folder/tool_names.h"
#include "mcp/tools.h"

namespace omnisandbox::mcp {

Expected<void> check_tool_folder(const Policy& policy, const std::string& folder) {
  TRY(look_at(folder));
  std::error_code problem;
  const auto whole = std::filesystem::canonical(folder, problem);
  if (problem) {
    return base::make_error(ErrorKind::not_found, "no such folder: {}", base::printable(folder));
  }
  const Explanation answer = policy.explain(Capability::fs_write, (whole / "tool.wasm").string());
  if (answer.allowed) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "the policy lets tools write to their own folder {} (rule {}), so that one could replace "
        "another; open it for reading only, {{path: {}, access: read}}, or move it elsewhere",
        base::printable(folder), answer.rule, base::printable(whole.string()));
  }
  return {};
}

ToolFolder::ToolFolder(Server& server, std::shared_ptr<const Workspace> workspace,
                       std::string folder, std::function<void(const std::string&)> report)
    : server_(server),
      workspace_(std::move(workspace)),
      folder_(std::move(folder)),
      report_(std::move(report)),
      ready_(std::make_shared<ReadyComponents>()) {}

Expected<std::unique_ptr<ToolFolder>> ToolFolder::start(
    Server& server, std::shared_ptr<const Workspace> workspace, std::string folder,
    std::function<void(const std::string&)> report) {
  std::unique_ptr<ToolFolder> tools(
      new ToolFolder(server, std::move(workspace), std::move(folder), std::move(report)));
  server.expect_more_tools();
  tools->thread_ = TRY(linux_::start_thread("to follow the folder of tools",
                                            [self = tools.get()](const std::stop_token& stop) {
                                              self->follow(stop);
                                              const std::lock_guard lock(self->end_mutex_);
                                              self->has_ended_ = true;
                                              self->ended_.notify_all();
                                            }));
  return tools;
}

ToolFolder::~ToolFolder() = default;

bool ToolFolder::end(std::chrono::steady_clock::time_point until) {
  thread_.request_stop();
  std::unique_lock lock(end_mutex_);
  return ended_.wait_until(lock, until, [this] { return has_ended_; });
}

void ToolFolder::follow(const std::stop_token& stop) {
  std::optional<std::vector<ComponentFiles>> before;
  do {
    FolderLook look;
    if (auto found = look_at(folder_)) {
      look = *std::move(found);
    } else {
      // What is gone, or not trusted any more, offers nothing; it may come back.
      look.problems.push_back(found.error().message);
    }
    std::vector<ComponentFiles> seen = look.components;
    if (before) {
      look.components = settled(std::move(look.components), *before);
    }
    before = std::move(seen);
    take(std::move(look), stop);
  } while (base::pause_unless_stopped(stop, look_interval));
}

std::vector<ComponentFiles> ToolFolder::settled(std::vector<ComponentFiles> seen,
                                                const std::vector<ComponentFiles>& before) const {
  std::vector<ComponentFiles> taken;
  for (ComponentFiles& files : seen) {
    const auto known = known_.find(files.stem);
    // Both are in the order of their names.
    const auto own = std::lower_bound(
        before.begin(), before.end(), files.stem,
        [](const ComponentFiles& other, const std::string& stem) { return other.stem < stem; });
    if (own != before.end() && *own == files) {
      taken.push_back(std::move(files));
    } else if (known != known_.end()) {
      taken.push_back(known->second.files);
    }
  }
  return taken;
}

void ToolFolder::take(FolderLook look, const std::stop_token& stop) {
  const bool is_first = !server_.has_all_tools();
  bool has_changed = is_first || look.problems != folder_problems_;
  folder_problems_ = std::move(look.problems);
  std::set<std::string> stems;
  std::vector<ComponentFiles> changed;
  for (ComponentFiles& files : look.components) {
    stems.insert(files.stem);
    const auto known = known_.find(files.stem);
    if (known == known_.end() || known->second.files != files) {
      changed.push_back(std::move(files));
    }
  }
  has_changed =
      std::erase_if(known_, [&](const auto& entry) { return !stems.contains(entry.first); }) > 0 ||
      has_changed;
  if (!changed.empty()) {
    load_all(changed, stop);
    has_changed = true;
  }
  if (has_changed && !stop.stop_requested()) {
    publish(Server::MoreTools::Progress::complete);
  }
}

void ToolFolder::load_all(const std::vector<ComponentFiles>& changed, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable one_is_done;
  std::size_t next = 0;
  std::size_t done = 0;
  std::vector<std::pair<const ComponentFiles*, ComponentTools>> loaded;
  const auto load = [&] {
    std::unique_lock lock(mutex);
    while (next < changed.size() && !stop.stop_requested()) {
      const ComponentFiles& files = changed[next++];
      lock.unlock();
      ComponentTools made = component_tools(workspace_, ready_, folder_, files, stop);
      lock.lock();
      loaded.emplace_back(&files, std::move(made));
      ++done;
      one_is_done.notify_one();
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t index = 0; index < std::min(load_threads, changed.size()); ++index) {
    auto started = linux_::start_thread("to load components", load);
    if (started) {
      threads.push_back(std::move(*started));
    }
  }
  if (threads.empty()) {
    load();
  }
  auto published = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  while (done < changed.size() && !stop.stop_requested()) {
    one_is_done.wait_for(lock, publish_interval, [&] { return done == changed.size(); });
    for (auto& [files, made] : std::exchange(loaded, {})) {
      known_[files->stem] = {.files = *files, .made = std::move(made)};
    }
    if (done < changed.size() && std::chrono::steady_clock::now() - published >= publish_interval) {
      lock.unlock();
      publish(Server::MoreTools::Progress::partial);
      published = std::chrono::steady_clock::now();
      lock.lock();
    }
  }
}

std::vector<Tool> ToolFolder::offered(std::vector<std::string>& problems) const {
  // Of two files whose names become the same, the one that needs no change for it is the tool.
  std::vector<std::pair<std::string, const Known*>> in_order;
  for (const auto& [stem, known] : known_) {
    in_order.emplace_back(stem, &known);
  }
  std::stable_partition(in_order.begin(), in_order.end(), [](const auto& entry) {
    const auto name = tool_name(entry.first);
    return name && *name == entry.first;
  });
  std::vector<Tool> tools;
  std::map<std::string, std::string> taken;  // which file has a name
  for (const auto& [stem, known] : in_order) {
    const std::string file = base::printable(known->files.component_name());
    for (const std::string& problem : known->made.problems) {
      problems.push_back(fmt::format("{}: {}", file, problem));
    }
    for (const Tool& tool : known->made.tools) {
      if (is_standard_tool_name(tool.name)) {
        problems.push_back(
            fmt::format("{}: the tool {} is one of this program's own; give the file another name",
                        file, tool.name));
      } else if (const auto [other, is_new] = taken.try_emplace(tool.name, file); !is_new) {
        problems.push_back(
            fmt::format("{}: there is a tool {} already, of {}; give the file "
                        "another name",
                        file, tool.name, other->second));
      } else {
        tools.push_back(tool);
      }
    }
  }
  std::sort(tools.begin(), tools.end(),
            [](const Tool& left, const Tool& right) { return left.name < right.name; });
  return tools;
}

void ToolFolder::publish(Server::MoreTools::Progress progress) {
  std::vector<std::string> problems = folder_problems_;
  std::vector<Tool> tools = offered(problems);
  std::set<std::string> now(problems.begin(), problems.end());
  for (const std::string& problem : problems) {
    if (!reported_.contains(problem)) {
      report_(problem);
    }
  }
  reported_ = std::move(now);
  server_.offer({.tools = std::move(tools), .problems = std::move(problems), .progress = progress});
}

}  // namespace omnisandbox::mcp
