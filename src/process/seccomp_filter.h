#pragma once

#include <cstdint>
#include <string>

#include "omnisandbox/expected.h"

namespace omnisandbox::process {

/// For which walls a filter is.
enum class FilterKind : std::uint8_t {
  no_network,
  proxied,  ///< TCP sockets can be made, for the proxy
  /// The host's files, processes and IPC are in reach, and Landlock holds only some of it: calls
  /// that change a file's metadata, other processes' limits or priorities, or IPC are refused.
  without_namespaces,
};

/// The third wall: the system calls that a command may make, as a classic BPF program (struct
/// sock_filter, one after the other). Calls that are not on the list do not exist (ENOSYS):
/// programs then do without, as they do on an older kernel. Calls that reach beyond a sandbox are
/// refused (EPERM).
Expected<std::string> build_seccomp_filter(FilterKind kind);

}  // namespace omnisandbox::process
