#include "mcp/revision.h"

namespace omnisandbox::mcp {

std::string_view to_string(Revision revision) noexcept {
  switch (revision) {
    case Revision::of_2024_11_05:
      return "2024-11-05";
    case Revision::of_2025_03_26:
      return "2025-03-26";
    case Revision::of_2025_06_18:
      return "2025-06-18";
    case Revision::of_2025_11_25:
      return "2025-11-25";
    case Revision::of_2026_07_28:
      return "2026-07-28";
  }
  return {};
}

std::optional<Revision> revision_from_string(std::string_view name) noexcept {
  for (const Revision revision : all_revisions) {
    if (to_string(revision) == name) {
      return revision;
    }
  }
  return std::nullopt;
}

Revision negotiate(std::string_view asked_for) noexcept {
  const auto revision = revision_from_string(asked_for);
  return revision && *revision <= newest_with_handshake ? *revision : newest_with_handshake;
}

}  // namespace omnisandbox::mcp
