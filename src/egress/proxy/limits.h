#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What one run may ask of its proxy. Whoever connects is a confined command: every number here
/// bounds a hostile one.
namespace omnisandbox::egress {

// Each takes two descriptors of the host process, which commonly has 1,024, and two more for each
// direction of a long transfer. Further clients wait in the listener's queue.
inline constexpr std::size_t max_connections_per_run = 64;
// Request line and headers together; the URL is at most 8 KiB of them.
inline constexpr std::uint32_t max_head_bytes = 64 * 1024;
// A post-quantum ClientHello takes 2 KiB; session tickets can add a few more.
inline constexpr std::size_t max_client_hello_bytes = 16 * 1024;
// Read and passed on at a time, in each direction of each connection.
inline constexpr std::size_t relay_buffer_bytes = 128 * 1024;
// A direction that has moved so much, or a body that is longer, is worth a pipe of its own.
inline constexpr std::uint64_t splice_from_bytes = 512 * 1024;
// An ordinary user has 64 MiB of wide pipes (pipe(7)); beyond, they are narrow.
inline constexpr std::size_t splice_pipe_bytes = 512 * 1024;
// Informational responses (1xx) before the final one.
inline constexpr int max_informational_responses = 20;
// Both directions of all connections of a run. Nobody means to move more through one command; an
// endless transfer ends here where the deadline is far.
inline constexpr std::uint64_t max_bytes_per_run = 64ULL * 1024 * 1024 * 1024;

// A whole request head, SOCKS handshake or ClientHello, however slowly its bytes come.
inline constexpr std::chrono::seconds head_timeout{20};
// Between two requests of a kept connection.
inline constexpr std::chrono::seconds keep_alive_timeout{60};
// Name lookup and all attempts to connect, together.
inline constexpr std::chrono::seconds dial_timeout{30};
// One address; the next one may answer.
inline constexpr std::chrono::seconds connect_timeout{8};
// Nothing moved in either direction. Long, because answers of slow services take minutes.
inline constexpr std::chrono::seconds idle_timeout{300};
// What still comes in after a refusal is thrown away, so that the client gets to read the refusal.
inline constexpr std::chrono::seconds linger_timeout{2};
// How often the times above are looked at.
inline constexpr std::chrono::milliseconds tick_interval{500};
// After an accept(2) that failed because the process has no descriptors left.
inline constexpr std::chrono::milliseconds accept_pause{100};
// A name with more addresses is not tried further.
inline constexpr std::size_t max_addresses_tried = 16;

}  // namespace omnisandbox::egress
