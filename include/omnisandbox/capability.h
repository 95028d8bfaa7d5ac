#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace omnisandbox {

/// What a tool may ask for. A capability alone opens nothing: the allow-list that belongs to it
/// must name the path, host or command as well.
enum class Capability : std::uint8_t { fs_read, fs_write, net_http, exec_run };

inline constexpr std::initializer_list<Capability> all_capabilities = {
    Capability::fs_read, Capability::fs_write, Capability::net_http, Capability::exec_run};

/// "fs_read", "fs_write", "net_http" or "exec_run".
std::string_view to_string(Capability capability) noexcept;
std::optional<Capability> capability_from_string(std::string_view name) noexcept;

}  // namespace omnisandbox
