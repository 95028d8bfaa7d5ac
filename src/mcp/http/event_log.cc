#include "mcp/http/event_log.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace omnisandbox::mcp {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(number)
             : std::nullopt;
}

}  // namespace

std::string to_string(const EventId& id) { return fmt::format("{}-{}", id.stream, id.sequence); }

std::optional<EventId> event_id_from_string(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto stream = parse_number(text.substr(0, dash));
  const auto sequence = parse_number(text.substr(dash + 1));
  if (!stream || !sequence) {
    return std::nullopt;
  }
  return EventId{.stream = *stream, .sequence = *sequence};
}

std::string event_text(const std::optional<EventId>& id, std::string_view data) {
  return id ? fmt::format("id: {}\ndata: {}\n\n", to_string(*id), data)
            : fmt::format("data: {}\n\n", data);
}

void EventLog::add(const EventId& id, std::string data) {
  bytes_ += data.size();
  events_.push_back({.id = id, .data = std::move(data)});
  while (events_.size() > max_events_ || bytes_ > max_bytes_) {
    drop_oldest();
  }
}

void EventLog::drop_oldest() {
  bytes_ -= events_.front().data.size();
  dropped_up_to_[events_.front().id.stream] = events_.front().id.sequence;
  events_.pop_front();
}

std::optional<std::vector<EventLog::Event>> EventLog::after(const EventId& id) const {
  const auto dropped = dropped_up_to_.find(id.stream);
  if (dropped != dropped_up_to_.end() && dropped->second > id.sequence) {
    return std::nullopt;
  }
  std::vector<Event> events;
  for (const Event& event : events_) {
    if (event.id.stream == id.stream && event.id.sequence > id.sequence) {
      events.push_back(event);
    }
  }
  return events;
}

void EventLog::forget(std::uint64_t stream) {
  std::erase_if(events_, [&](const Event& event) {
    if (event.id.stream != stream) {
      return false;
    }
    bytes_ -= event.data.size();
    return true;
  });
  dropped_up_to_.erase(stream);
}

}  // namespace omnisandbox::mcp
