#include "runner/refusal_text.h"

#include <fmt/format.h>

namespace omnisandbox::runner {

std::string refusal_text(const Refusal& refusal) {
  return fmt::format(
      "denied: {} {}{} ({}: {}); {}", refusal.action, refusal.name,
      refusal.count > 1 ? fmt::format(", {} times", refusal.count) : "", refusal.layer,
      refusal.reason,
      refusal.remedy.empty() ? "no line of a policy allows it" : "to allow: " + refusal.remedy);
}

}  // namespace omnisandbox::runner
