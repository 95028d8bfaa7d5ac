#include "docker/sweep.h"

#include <charconv>

#include "base/try.h"
#include "docker/owner.h"

namespace omnisandbox::docker {
namespace {

bool is_expired(const std::map<std::string, std::string>& labels) {
  const auto found = labels.find(std::string(expiry_label));
  if (found == labels.end()) {
    return false;
  }
  std::int64_t seconds = 0;
  const char* end = found->second.data() + found->second.size();
  const auto parsed = std::from_chars(found->second.data(), end, seconds);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return parsed.ec == std::errc() && parsed.ptr == end && seconds < now.count();
}

}  // namespace

Expected<std::size_t> sweep(Engine& engine, const Patience& patience) {
  std::size_t removed = 0;
  for (const Engine::Listed& container : TRY(engine.list_labelled(owner_label, patience))) {
    const auto owner = container.labels.find(std::string(owner_label));
    const bool is_orphan =
        owner != container.labels.end() && is_alive(owner->second) == std::optional(false);
    if (is_orphan || is_expired(container.labels)) {
      TRY(engine.remove(container.id, patience));
      ++removed;
    }
  }
  return removed;
}

}  // namespace omnisandbox::docker
