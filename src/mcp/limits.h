#pragma once

#include <chrono>
#include <cstddef>

/// Every limit of what a client can make the server hold or do. A client is whatever a model and
/// its framework send: it can be confused or hostile.
namespace omnisandbox::mcp {

/// One message. The largest that makes sense is write_file with the content of a large file.
inline constexpr std::size_t max_message_bytes = std::size_t{16} * 1024 * 1024;
/// Arrays and objects within each other. What clients send has four or five levels.
inline constexpr std::size_t max_json_depth = 64;
/// Messages in one batch (revision 2025-03-26 knows them).
inline constexpr std::size_t max_batch_messages = 256;
/// Of a request's id and of a progress token, as JSON text: both are sent back.
inline constexpr std::size_t max_id_bytes = 1024;

/// Tool calls at once; one more waits. Each is a thread that is mostly in a sandbox.
inline constexpr std::size_t max_concurrent_calls = 64;
/// Subscriptions at once; each is a request that stays open.
inline constexpr std::size_t max_subscriptions = 256;
/// Who asks for tools that are still being loaded waits so long for them.
inline constexpr std::chrono::seconds first_list_patience{10};
/// Tool calls that wait; one more is refused.
inline constexpr std::size_t max_waiting_calls = 1024;
/// The text of all calls that run or wait; one beyond it is refused.
inline constexpr std::size_t max_pending_bytes = std::size_t{128} * 1024 * 1024;

/// Between the notifications of progress of one call; a call that is done sooner sends none.
inline constexpr std::chrono::milliseconds progress_interval{500};
/// A call that should have ended by its deadline and has not, because it is blocked where nothing
/// can end it (a file system that hangs), is answered without it after this time.
inline constexpr std::chrono::milliseconds overdue_grace{1000};
/// After the end of input, calls that are under way may end by themselves for so long; then they
/// are stopped, and have `stop_grace` for that.
inline constexpr std::chrono::milliseconds drain_grace{1000};
inline constexpr std::chrono::milliseconds stop_grace{1000};

/// Records that the audit resource shows.
inline constexpr std::size_t audit_tail_records = 200;

}  // namespace omnisandbox::mcp
