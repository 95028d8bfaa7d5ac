#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "mcp/client.h"
#include "mcp/http/event_log.h"

namespace omnisandbox::mcp {

/// Where the events of a stream go at the moment: a connection. Used on the transport's thread.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// `text` as `event_text` makes it. Lost where the client has gone.
  virtual void send_event(const std::string& text) = 0;
  /// The stream has ended, or goes on elsewhere.
  virtual void end_events() = 0;
};

/// One session of HTTP: a client, and the streams of events that go to it. A stream lives longer
/// than the connection that carries it, so that a client whose connection was cut takes it up
/// again. Thread rule: the transport's thread, but for what Client has, and `push`.
class Session final : public Client, public std::enable_shared_from_this<Session> {
 public:
  /// `io` runs the transport's thread.
  Session(std::string id, std::shared_ptr<boost::asio::io_context> io);

  const std::string& id() const noexcept { return id_; }
  /// Goes to the stream that the client opened by GET; kept for a while where it is cut.
  void push(const std::string& message) override;

  /// Opens a stream for the answer of one request; its number.
  std::uint64_t open_stream(std::weak_ptr<EventSink> sink);
  void publish(std::uint64_t stream, const std::string& message);
  /// It can still be taken up, until newer ones take its place.
  void end_stream(std::uint64_t stream);

  /// The id that comes before the next event of a stream.
  EventId last_id(std::uint64_t stream) const;

  /// The stream for what belongs to no request goes to `sink` from now on, and first what came
  /// while nobody listened.
  void listen(const std::weak_ptr<EventSink>& sink);
  /// Whether everything after `id` is still there.
  bool can_resume(const EventId& id) const;
  /// Sends what came after `id`, and goes on.
  void resume(const EventId& id, const std::shared_ptr<EventSink>& sink);

  /// The client has ended the session, or it has expired.
  void end();

  /// Of a request that came for it.
  void touch(std::chrono::steady_clock::time_point now) { last_used_ = now; }
  std::chrono::steady_clock::time_point last_used() const noexcept { return last_used_; }
  /// A call is under way, or somebody listens.
  bool is_busy() const;

 private:
  struct Stream {
    std::uint64_t last_sequence = 0;
    std::uint64_t last_sent = 0;  ///< to somebody who listened
    bool has_ended = false;
    std::weak_ptr<EventSink> sink{};
  };
  void attach(Stream& stream, std::weak_ptr<EventSink> sink);

  const std::string id_;
  const std::shared_ptr<boost::asio::io_context> io_;  // shared with the transport
  std::chrono::steady_clock::time_point last_used_{};
  std::uint64_t next_stream_ = 1;
  std::map<std::uint64_t, Stream> streams_;  // by number; 0 is the one without a request
  std::deque<std::uint64_t> ended_;          // the oldest first
  EventLog log_;
};

}  // namespace omnisandbox::mcp
