#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace omnisandbox::docker {

/// Labels that every container of ours carries, so that it is found when its owner cannot remove
/// it.
inline constexpr std::string_view owner_label = "omnisandbox.owner";
inline constexpr std::string_view run_label = "omnisandbox.run";
inline constexpr std::string_view expiry_label = "omnisandbox.expires";

/// "boot id:pid namespace:pid:start time" of this process; empty without /proc.
std::string own_identity();

/// Whether the process with this identity lives; empty where that cannot be known here (another
/// machine, boot or pid namespace).
std::optional<bool> is_alive(std::string_view identity);

std::map<std::string, std::string> labels_for(const std::string& run_id,
                                              std::chrono::system_clock::time_point expiry);

}  // namespace omnisandbox::docker
