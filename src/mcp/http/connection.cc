#include "mcp/http/connection.h"

#include <boost/asio/buffer.hpp>
#include <limits>
#include <utility>

#include "mcp/http/limits.h"
#include "mcp/limits.h"

namespace omnisandbox::mcp {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

std::string lower_case(boost::beast::string_view text) {
  std::string result(text.data(), text.size());
  for (char& c : result) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

template <class Parser>
RequestHead head_of(Parser& parser) {
  const auto& message = parser.get();
  RequestHead head{.method = std::string(message.method_string()),
                   .target = std::string(message.target()),
                   .version = message.version(),
                   .keeps_alive = parser.keep_alive()};
  for (const auto& field : message) {
    head.headers.emplace_back(lower_case(field.name_string()), std::string(field.value()));
  }
  if (const auto length = parser.content_length()) {
    head.content_length = *length;
  }
  return head;
}

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, Taker& taker)
    : socket_(std::move(socket)), taker_(&taker) {}

void Connection::start() { next_request(); }

void Connection::next_request() {
  state_ = State::head;
  expires_at_ = Clock::now() + head_timeout;
  body_bytes_ = 0;
  parser_.emplace();
  parser_->header_limit(max_head_bytes);
  // Judged by hand, after everything that matters more.
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  received();
}

void Connection::read() {
  // A client may send its next request early; how much of it is taken in has a limit.
  if (is_reading_ || state_ == State::closed || received_.size() > max_read_ahead_bytes) {
    return;
  }
  is_reading_ = true;
  // Into a buffer of its own: the other one may be taken from meanwhile.
  socket_.async_read_some(
      boost::asio::buffer(piece_), [self = shared_from_this()](ErrorCode error, std::size_t size) {
        self->is_reading_ = false;
        if (self->state_ == State::closed) {
          return;
        }
        if (error) {
          self->close();
          return;
        }
        self->received_.commit(boost::asio::buffer_copy(
            self->received_.prepare(size), boost::asio::buffer(self->piece_.data(), size)));
        self->received();
      });
}

void Connection::received() {
  // A loop and no recursion: a head may be followed by its body at once.
  bool goes_on = received_.size() > 0;
  while (goes_on) {
    switch (state_) {
      case State::head:
        goes_on = read_head();
        break;
      case State::body:
        goes_on = read_body();
        break;
      case State::closing:
        discard();
        goes_on = false;
        break;
      case State::serving:
      case State::events:
      case State::closed:
        goes_on = false;
    }
  }
  // Also while it is answered: the end of the stream says that the client has gone.
  read();
}

bool Connection::read_head() {
  ErrorCode error;
  received_.consume(parser_->put(received_.data(), error));
  if (error && error != http::error::need_more) {
    refuse(error == http::error::header_limit
               ? Refusal{.status = 431, .reason = "the head is larger than 16 KiB"}
               : Refusal{.status = 400, .reason = "this is no HTTP/1.1: " + error.message()});
    return false;
  }
  if (!parser_->is_header_done()) {
    return false;
  }
  judge_head();
  return state_ == State::body;
}

void Connection::judge_head() {
  head_ = head_of(*parser_);
  if (auto refusal = taker_->judge(head_)) {
    refuse(*refusal);
    return;
  }
  body_bytes_ = head_.content_length.value_or(0);
  state_ = State::body;
  expires_at_ = Clock::now() + body_timeout;
  parser_->eager(true);
  if (body_bytes_ == 0) {
    read_body();
    return;
  }
  if (head_.find("expect") != nullptr && received_.size() == 0) {
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

bool Connection::read_body() {
  if (!parser_->is_done()) {
    if (received_.size() == 0) {
      return false;
    }
    ErrorCode error;
    received_.consume(parser_->put(received_.data(), error));
    if (error && error != http::error::need_more) {
      refuse({.status = 400, .reason = "the body is no HTTP/1.1: " + error.message()});
      return false;
    }
    if (!parser_->is_done()) {
      return received_.size() > 0;
    }
  }
  state_ = State::serving;
  std::string body = std::move(parser_->get().body());
  parser_.reset();
  body_bytes_ = 0;
  taker_->take(shared_from_this(), head_, std::move(body));
  return state_ == State::head && received_.size() > 0;
}

void Connection::refuse(const Refusal& refusal) {
  body_bytes_ = 0;
  state_ = State::serving;
  next_state_ = State::closing;
  write(answer_text(refusal_answer(refusal), AfterAnswer::close));
}

void Connection::discard() {
  discarded_bytes_ += received_.size();
  received_.clear();
  if (discarded_bytes_ > max_discarded_bytes) {
    close();
  }
}

void Connection::respond(const HttpAnswer& answer) {
  if (state_ != State::serving) {
    return;
  }
  when_gone_ = nullptr;
  next_state_ = state_after_answer();
  write(answer_text(answer, head_.keeps_alive ? AfterAnswer::next_request : AfterAnswer::close));
}

void Connection::begin_events(const Headers& headers) {
  if (state_ != State::serving) {
    return;
  }
  state_ = State::events;
  write(event_stream_head(headers));
}

void Connection::send_event(const std::string& text) {
  if (state_ == State::events) {
    write(chunk(text));
  }
}

void Connection::end_events() {
  if (state_ != State::events) {
    return;
  }
  when_gone_ = nullptr;
  state_ = State::serving;
  next_state_ = state_after_answer();
  write(std::string(last_chunk));
}

void Connection::write(std::string text) {
  if (state_ == State::closed) {
    return;
  }
  unsent_bytes_ += text.size();
  unsent_.push_back(std::move(text));
  if (unsent_bytes_ > max_unsent_bytes) {
    close();
    return;
  }
  last_sent_ = Clock::now();
  if (!is_writing_) {
    is_writing_ = true;
    write_some();
  }
}

void Connection::write_some() {
  write_expires_at_ = Clock::now() + write_timeout;
  const std::string& front = unsent_.front();
  socket_.async_write_some(
      boost::asio::buffer(front.data() + front_sent_bytes_, front.size() - front_sent_bytes_),
      [self = shared_from_this()](ErrorCode error, std::size_t size) {
        if (self->state_ == State::closed) {
          return;
        }
        if (error) {
          self->close();
          return;
        }
        self->unsent_bytes_ -= size;
        self->front_sent_bytes_ += size;
        if (self->front_sent_bytes_ == self->unsent_.front().size()) {
          self->unsent_.pop_front();
          self->front_sent_bytes_ = 0;
        }
        if (self->unsent_.empty()) {
          self->is_writing_ = false;
          self->all_written();
        } else {
          self->write_some();
        }
      });
}

void Connection::all_written() {
  const auto next = std::exchange(next_state_, std::nullopt);
  if (next == State::head) {
    next_request();
  } else if (next == State::closing) {
    state_ = State::closing;
    expires_at_ = Clock::now() + linger_timeout;
    ErrorCode ignored;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    received();
  }
}

bool Connection::tick(Time now) {
  const bool waits_for_client =
      state_ == State::head || state_ == State::body || state_ == State::closing;
  if ((waits_for_client && now >= expires_at_) || (is_writing_ && now >= write_expires_at_)) {
    return false;
  }
  if (state_ == State::events && !is_writing_ && now - last_sent_ >= keep_alive_interval) {
    write(chunk(":\n\n"));
  }
  return true;
}

void Connection::cancel() {
  if (state_ == State::closed) {
    return;
  }
  state_ = State::closed;
  body_bytes_ = 0;
  ErrorCode ignored;
  socket_.close(ignored);
  if (const auto gone = std::exchange(when_gone_, nullptr)) {
    gone();
  }
}

void Connection::close() {
  if (state_ != State::closed) {
    cancel();
    taker_->closed(shared_from_this());
  }
}

}  // namespace omnisandbox::mcp
