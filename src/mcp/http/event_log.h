#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox::mcp {

/// Names one event of a session: its stream, and its place in it from 1 on. 0 stands before all.
struct EventId {
  std::uint64_t stream = 0;
  std::uint64_t sequence = 0;
  bool operator==(const EventId&) const = default;
};
/// "3-7".
std::string to_string(const EventId& id);
std::optional<EventId> event_id_from_string(std::string_view text);

/// One event as it is sent: HTML Standard, section 9.2.6. `data` is one line; empty: an event that
/// only tells its id.
std::string event_text(const std::optional<EventId>& id, std::string_view data);

/// The newest events of a session's streams, kept for a client that has missed some.
class EventLog {
 public:
  EventLog(std::size_t max_events, std::size_t max_bytes)
      : max_events_(max_events), max_bytes_(max_bytes) {}

  /// The oldest ones go where there is no room. One that is larger than all of it is not kept.
  void add(const EventId& id, std::string data);

  struct Event {
    EventId id;
    std::string data;
  };
  /// What came after `id` on its stream; nothing where a part of that is kept no more.
  std::optional<std::vector<Event>> after(const EventId& id) const;

  void forget(std::uint64_t stream);

 private:
  void drop_oldest();

  const std::size_t max_events_;
  const std::size_t max_bytes_;
  std::deque<Event> events_;
  std::size_t bytes_ = 0;
  std::map<std::uint64_t, std::uint64_t> dropped_up_to_;  // by stream
};

}  // namespace omnisandbox::mcp
