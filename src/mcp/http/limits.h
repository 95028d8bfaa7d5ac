#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What whoever connects by HTTP can make the server hold or do, with or without the token.
namespace omnisandbox::mcp {

/// Each takes a descriptor; a process commonly has 1,024. Further clients wait in the listener's
/// queue.
inline constexpr std::size_t max_connections = 256;
/// Request line and headers together.
inline constexpr std::uint32_t max_head_bytes = 16 * 1024;
/// Read at a time.
inline constexpr std::size_t read_piece_bytes = std::size_t{16} * 1024;
/// What is taken in of the requests after the one that is being answered.
inline constexpr std::size_t max_read_ahead_bytes = std::size_t{64} * 1024;
/// The bodies that are being read on all connections; a request beyond it is told to come again.
inline constexpr std::size_t max_body_bytes_at_once = std::size_t{128} * 1024 * 1024;
/// A whole head, from the end of the request before, however slowly its bytes come.
inline constexpr std::chrono::seconds head_timeout{30};
/// A whole body: the largest in this time takes 2 Mbit/s.
inline constexpr std::chrono::seconds body_timeout{60};
/// A client that takes nothing of what waits for it is left after this time.
inline constexpr std::chrono::seconds write_timeout{60};
/// What waits for a client that reads slowly; beyond it the connection is closed.
inline constexpr std::size_t max_unsent_bytes = std::size_t{64} * 1024 * 1024;
/// After a refusal, what still comes is thrown away, so that the client gets to read the refusal.
inline constexpr std::chrono::seconds linger_timeout{2};
inline constexpr std::size_t max_discarded_bytes = std::size_t{4} * 1024 * 1024;
/// A call that takes longer is answered as a stream of events, which can be taken up again; one
/// that is done sooner as JSON, which every client takes in any size.
inline constexpr std::chrono::milliseconds event_stream_delay{500};
/// Between comments on a stream that is silent, so that nobody in between closes it.
inline constexpr std::chrono::seconds keep_alive_interval{25};
/// How often the times above are looked at while somebody is connected.
inline constexpr std::chrono::milliseconds tick_interval{250};
/// After an accept(2) that failed because the process has no descriptors left.
inline constexpr std::chrono::milliseconds accept_pause{100};

/// Sessions at once. One more takes the place of the one that was unused longest, where nothing of
/// that is under way.
inline constexpr std::size_t max_sessions = 128;
/// A session without requests, calls and streams ends after this time.
inline constexpr std::chrono::minutes session_idle_time{60};
/// Streams of a session that have ended and can still be taken up again.
inline constexpr std::size_t max_ended_streams = 64;
/// What is kept of a session's streams for that, the newest.
inline constexpr std::size_t max_kept_events = 256;
inline constexpr std::size_t max_kept_event_bytes = std::size_t{2} * 1024 * 1024;

/// A token that is given must not be one that can be guessed.
inline constexpr std::size_t min_token_bytes = 16;
inline constexpr std::size_t max_token_bytes = 1024;

}  // namespace omnisandbox::mcp
