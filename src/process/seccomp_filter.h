#pragma once

#include <string>

#include "base/strong_bool.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::process {

using AllowsInternet = base::StrongBool<struct AllowsInternetTag>;
using HasOwnIpc = base::StrongBool<struct HasOwnIpcTag>;

/// The third wall: the system calls that a command may make, as a classic BPF program (struct
/// sock_filter, one after the other). Calls that are not on the list do not exist (ENOSYS):
/// programs then do without, as they do on an older kernel. Calls that reach beyond a sandbox are
/// refused (EPERM). `internet`: TCP and UDP sockets can be made, for the proxy. `own_ipc`: the run
/// has an IPC namespace of its own, so that System V and POSIX queues may be used.
Expected<std::string> build_seccomp_filter(AllowsInternet internet, HasOwnIpc own_ipc);

}  // namespace omnisandbox::process
