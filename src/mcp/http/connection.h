#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mcp/http/access.h"
#include "mcp/http/answer.h"
#include "mcp/http/limits.h"
#include "mcp/http/request_head.h"
#include "mcp/http/session.h"

namespace omnisandbox::mcp {

/// One connection of a client. Reads a request, has its head judged before anything of the body,
/// hands it over and sends what it is answered with; then the next one. On the transport's thread.
class Connection final : public EventSink, public std::enable_shared_from_this<Connection> {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Who takes the requests. Outlives the connection.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual std::optional<Refusal> judge(const RequestHead& head) = 0;
    /// Answers it now or later: by `respond`, or by `begin_events`.
    virtual void take(const std::shared_ptr<Connection>& connection, const RequestHead& head,
                      std::string body) = 0;
    virtual void closed(const std::shared_ptr<Connection>& connection) = 0;
  };

  Connection(boost::asio::ip::tcp::socket socket, Taker& taker);
  void start();

  void respond(const HttpAnswer& answer);
  /// The answer is a stream of events.
  void begin_events(const Headers& headers);
  void send_event(const std::string& text) override;
  void end_events() override;

  /// Called where the client goes away before it is answered; once, or never.
  void when_gone(std::function<void()> call) { when_gone_ = std::move(call); }

  /// Closes it without a word. `Taker::closed` is not called.
  void cancel();
  /// Whether its time is not over. Keeps a silent stream open.
  bool tick(Time now);
  /// Nothing of a request has been let in yet, so that it can be closed for another's sake.
  bool is_expendable() const noexcept { return state_ == State::head; }
  Time since() const noexcept { return since_; }
  /// Of the body that is being read.
  std::size_t body_bytes() const noexcept { return body_bytes_; }

 private:
  enum class State : std::uint8_t {
    head,     ///< reads the head of a request, or waits for one
    body,     ///< reads its body
    serving,  ///< it is being answered
    events,   ///< by a stream
    closing,  ///< a refusal has been sent: throws away what still comes
    closed,
  };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void next_request();
  void read();
  void received();
  /// False where more bytes are needed.
  bool read_head();
  bool read_body();
  void judge_head();
  State state_after_answer() const { return head_.keeps_alive ? State::head : State::closing; }
  void refuse(const Refusal& refusal);
  void discard();
  void write(std::string text);
  void write_some();
  void all_written();
  void close();

  boost::asio::ip::tcp::socket socket_;
  Taker* const taker_;
  State state_ = State::head;
  std::function<void()> when_gone_;
  const Time since_ = std::chrono::steady_clock::now();
  Time expires_at_{};  ///< of head, body and closing

  std::array<char, read_piece_bytes> piece_;  ///< what a read under way fills
  boost::beast::flat_buffer received_;
  bool is_reading_ = false;
  std::optional<Parser> parser_;
  RequestHead head_;
  std::size_t body_bytes_ = 0;
  std::size_t discarded_bytes_ = 0;

  std::deque<std::string> unsent_;
  std::size_t unsent_bytes_ = 0;
  std::size_t front_sent_bytes_ = 0;
  bool is_writing_ = false;
  Time write_expires_at_{};
  Time last_sent_{};
  std::optional<State> next_state_{};  ///< once all is written
};

}  // namespace omnisandbox::mcp
