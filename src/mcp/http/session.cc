#include "mcp/http/session.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "mcp/http/limits.h"

namespace omnisandbox::mcp {
namespace {

constexpr std::uint64_t stream_without_request = 0;

void send_all(EventSink& sink, const std::vector<EventLog::Event>& events) {
  for (const EventLog::Event& event : events) {
    sink.send_event(event_text(event.id, event.data));
  }
}

}  // namespace

Session::Session(std::string id, std::shared_ptr<boost::asio::io_context> io)
    : id_(std::move(id)), io_(std::move(io)), log_(max_kept_events, max_kept_event_bytes) {
  streams_[stream_without_request] = {};
}

void Session::push(const std::string& message) {
  // Weak: what is queued must not keep alive what holds the queue.
  boost::asio::post(*io_, [weak = weak_from_this(), message] {
    if (const auto self = weak.lock()) {
      self->publish(stream_without_request, message);
    }
  });
}

std::uint64_t Session::open_stream(std::weak_ptr<EventSink> sink) {
  const std::uint64_t number = next_stream_++;
  streams_[number].sink = std::move(sink);
  return number;
}

void Session::publish(std::uint64_t stream, const std::string& message) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) {
    return;  // the session has ended
  }
  const EventId id{.stream = stream, .sequence = ++found->second.last_sequence};
  log_.add(id, message);
  if (const auto sink = found->second.sink.lock()) {
    sink->send_event(event_text(id, message));
    found->second.last_sent = id.sequence;
  }
}

void Session::end_stream(std::uint64_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.has_ended) {
    return;
  }
  found->second.has_ended = true;
  attach(found->second, {});
  ended_.push_back(stream);
  while (ended_.size() > max_ended_streams) {
    streams_.erase(ended_.front());
    log_.forget(ended_.front());
    ended_.pop_front();
  }
}

EventId Session::last_id(std::uint64_t stream) const {
  const auto found = streams_.find(stream);
  return {.stream = stream, .sequence = found == streams_.end() ? 0 : found->second.last_sequence};
}

void Session::attach(Stream& stream, std::weak_ptr<EventSink> sink) {
  if (const auto before = std::exchange(stream.sink, std::move(sink)).lock()) {
    before->end_events();
  }
}

void Session::listen(const std::weak_ptr<EventSink>& sink) {
  Stream& stream = streams_[stream_without_request];
  attach(stream, sink);
  const auto listener = sink.lock();
  const auto missed = log_.after({.stream = stream_without_request, .sequence = stream.last_sent});
  if (listener && missed) {
    send_all(*listener, *missed);
    stream.last_sent = stream.last_sequence;
  }
}

bool Session::can_resume(const EventId& id) const {
  const auto found = streams_.find(id.stream);
  return found != streams_.end() && id.sequence <= found->second.last_sequence &&
         log_.after(id).has_value();
}

void Session::resume(const EventId& id, const std::shared_ptr<EventSink>& sink) {
  const auto found = streams_.find(id.stream);
  const auto missed = log_.after(id);
  if (found == streams_.end() || !missed) {
    sink->end_events();
    return;
  }
  attach(found->second, sink);
  send_all(*sink, *missed);
  found->second.last_sent = found->second.last_sequence;
  if (found->second.has_ended) {
    attach(found->second, {});
  }
}

void Session::end() {
  cancel_all();
  auto streams = std::exchange(streams_, {});
  for (auto& [number, stream] : streams) {
    attach(stream, {});
  }
}

bool Session::is_busy() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& entry) {
                       return !entry.second.sink.expired() ||
                              (entry.first != stream_without_request && !entry.second.has_ended);
                     }) ||
         has_calls();
}

}  // namespace omnisandbox::mcp
