#include "mcp/tool_folder/component_code.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "mcp/tool_folder/limits.h"
#include "runner/module_source.h"

namespace omnisandbox::mcp {

void ReadyComponents::used(const std::shared_ptr<ComponentCode>& code) {
  std::shared_ptr<ComponentCode> too_much;
  {
    const std::lock_guard lock(mutex_);
    used_.remove_if([&](const auto& known) {
      const auto other = known.lock();
      return !other || other == code;
    });
    used_.push_front(code);
    if (used_.size() > max_ready_components) {
      too_much = used_.back().lock();
      used_.pop_back();
    }
  }
  if (too_much) {
    too_much->drop();
  }
}

void ComponentCode::drop() {
  std::shared_ptr<ModuleExports> dropped;  // ends worker processes, without the lock
  const std::lock_guard lock(mutex_);
  dropped.swap(exports_);
}

Expected<std::shared_ptr<ModuleExports>> ComponentCode::exports(
    std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) {
  const std::unique_lock loading(loading_, deadline);
  if (!loading) {
    return base::make_error(ErrorKind::timeout,
                            "the deadline passed while {} was loaded for another call",
                            base::printable(files_.component_name()));
  }
  auto loaded = loaded_exports();
  if (loaded == nullptr) {
    loaded = TRY(load(deadline, stop));
    const std::lock_guard lock(mutex_);
    exports_ = loaded;
  }
  ready_components_->used(shared_from_this());
  return loaded;
}

std::shared_ptr<ModuleExports> ComponentCode::loaded_exports() {
  const std::lock_guard lock(mutex_);
  return exports_;
}

Expected<std::shared_ptr<ModuleExports>> ComponentCode::load(
    std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) const {
  auto module = runner::loadable_bytes(
      files_.component_name(), TRY(read_folder_file(folder_, files_.component_name(),
                                                    files_.component, max_component_bytes)));
  if (!module.is_component) {
    return base::make_error(ErrorKind::invalid_argument,
                            "it is no component (a core module has no types to make a schema of); "
                            "`wasm-tools component new` makes one of it");
  }
  return std::make_shared<ModuleExports>(TRY(workspace_->runner->load_exports(
      policy_.policy, {.module = std::move(module), .deadline = deadline, .stop = stop})));
}

}  // namespace omnisandbox::mcp
