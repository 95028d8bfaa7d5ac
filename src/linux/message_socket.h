#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "linux/channels.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"

/// Non-blocking transfers over a stream socket, and waiting for it with a deadline: the peer may
/// stop reading or writing at any time.
namespace omnisandbox::linux_ {

/// recv(2). Descriptors that the peer attached are closed by the kernel, unseen.
Expected<Transfer> receive_now(const Fd& socket, std::span<char> buffer);
/// sendmsg(2), with `descriptor` attached to the first byte where it is not null; `ended` where the
/// peer is gone, never a signal.
Expected<Transfer> send_now(const Fd& socket, std::string_view bytes, const Fd* descriptor);

enum class Readiness : std::uint8_t { to_read, to_write };
/// Whether the socket became ready (or ended) before `until`; unset: without end.
Expected<bool> wait_until_ready(const Fd& socket, Readiness readiness,
                                std::optional<std::chrono::steady_clock::time_point> until);

}  // namespace omnisandbox::linux_
