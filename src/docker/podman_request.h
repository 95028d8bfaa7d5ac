#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace omnisandbox::docker {

/// Podman gives each container a limit of processes for each user (RLIMIT_NPROC) unless it is told
/// one, and the one of its own can be beyond what it may give. The kernel counts all of a user's
/// processes on the machine for it, so that it must not be small; pids_limit bounds the container.
inline constexpr std::uint64_t podman_user_processes =
    32'768;  // pid_max of small machines, proc(5)

/// The same container in the words of Podman's own API (POST /libpod/containers/create), for the
/// body that Docker gets. Podman's imitation of Docker's API ignores some fields (the namespace of
/// the control groups, the runtime, for users' engines each ulimit), and adds trees that can be
/// written.
nlohmann::json podman_request(const std::string& name, const nlohmann::json& asked);

}  // namespace omnisandbox::docker
