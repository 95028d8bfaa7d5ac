#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// TCP sockets that no child inherits: close-on-exec from their creation on, and non-blocking.
namespace omnisandbox::linux_ {

/// Listens at an IPv4 or IPv6 address in text form. Port 0: one that is free.
Expected<Fd> listen_tcp(const std::string& address, std::uint16_t port);

/// The next connection; nothing where none waits, or where it has gone again.
Expected<std::optional<Fd>> accept_tcp(int listener);

}  // namespace omnisandbox::linux_
