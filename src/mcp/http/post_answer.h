#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mcp/exchange.h"
#include "mcp/http/connection.h"
#include "mcp/http/session.h"

namespace omnisandbox::mcp {

/// The answer to one POST: JSON where it is there soon, else a stream of events. On the transport's
/// thread.
class PostAnswer : public std::enable_shared_from_this<PostAnswer> {
 public:
  struct Terms {
    std::weak_ptr<Connection> connection{};
    std::shared_ptr<Session> session{};  ///< null: the request belongs to none
    bool takes_events = false;           ///< the client does
    bool is_first_of_session = false;    ///< its answer tells the session's id
    Headers headers{};
    /// Called with the answer, before it goes out; the status of it.
    std::function<unsigned(const std::optional<Answer>&)> status{};
  };
  explicit PostAnswer(Terms terms) : terms_(std::move(terms)) {}

  void notify(const std::string& message);
  void finish(const std::optional<Answer>& answer);
  /// The answer takes its time.
  void open_events();
  bool has_ended() const noexcept { return has_ended_; }
  std::chrono::steady_clock::time_point since() const noexcept { return since_; }

 private:
  void send(const std::string& message);

  const Terms terms_;
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  bool has_events_ = false;
  bool has_ended_ = false;
  std::uint64_t stream_ = 0;  ///< of the session
};

/// What the server is given for it: from any thread to the transport's.
class PostExchange final : public Exchange {
 public:
  PostExchange(std::shared_ptr<boost::asio::io_context> io, std::shared_ptr<PostAnswer> answer)
      : io_(std::move(io)), answer_(std::move(answer)) {}
  void notify(const std::string& message) override;
  void finish(std::optional<Answer> answer) override;

 private:
  const std::shared_ptr<boost::asio::io_context> io_;  // shared with the transport, outlives it
  const std::shared_ptr<PostAnswer> answer_;           // shared with what is queued
};

}  // namespace omnisandbox::mcp
