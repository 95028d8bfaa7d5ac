#include "wasm/component/component_run.h"

#include <utility>

#include "wasm/component/limits.h"

namespace omnisandbox::wasm::component {

bool ResourceTable::has_room() const noexcept { return items_.size() < max_live_resources; }

std::uint32_t ResourceTable::add(Item item) {
  // Numbers are not used again until all others were, so a stale one is noticed.
  do {
    ++last_;
  } while (items_.contains(last_));
  items_.emplace(last_, std::move(item));
  return last_;
}

}  // namespace omnisandbox::wasm::component
