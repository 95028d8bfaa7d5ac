#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace omnisandbox::mcp {

/// Revisions of the protocol that this server speaks, oldest first. Up to 2025-11-25 a client opens
/// with `initialize`; since 2026-07-28 each request carries its revision in `_meta`.
enum class Revision : std::uint8_t {
  of_2024_11_05,
  of_2025_03_26,
  of_2025_06_18,
  of_2025_11_25,
  of_2026_07_28,
};

inline constexpr std::array all_revisions = {Revision::of_2024_11_05, Revision::of_2025_03_26,
                                             Revision::of_2025_06_18, Revision::of_2025_11_25,
                                             Revision::of_2026_07_28};
inline constexpr Revision newest_with_handshake = Revision::of_2025_11_25;
inline constexpr Revision first_without_handshake = Revision::of_2026_07_28;

/// "2025-11-25".
std::string_view to_string(Revision revision) noexcept;
std::optional<Revision> revision_from_string(std::string_view name) noexcept;

/// What `initialize` is answered with: the client's own revision where we speak it, else our newest
/// that has a handshake; the client decides then.
Revision negotiate(std::string_view asked_for) noexcept;

}  // namespace omnisandbox::mcp
