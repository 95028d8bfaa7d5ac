#pragma once

#include <fmt/format.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "egress/proxy/body_end.h"
#include "egress/proxy/client_side.h"
#include "egress/proxy/limits.h"
#include "egress/proxy/splice_flow.h"

namespace omnisandbox::egress {

/// A Beast body that keeps nothing: it notes where in the parser's input the pieces of the body
/// lie.
struct PiecesBody {
  using value_type = std::vector<boost::asio::const_buffer>;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& pieces) : pieces_(pieces) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) {
      error = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      std::size_t size = 0;
      for (const boost::asio::const_buffer piece : boost::beast::buffers_range_ref(buffers)) {
        pieces_.push_back(piece);
        size += piece.size();
      }
      return size;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& pieces_;
  };
};

/// How a body is written on.
enum class BodyFraming : std::uint8_t { as_it_is, chunked };

/// Moves one message's body from a parser's source to another socket. The framing is taken off and
/// put on anew, so that both sides agree where it ends.
template <bool is_request>
class BodyPump : public std::enable_shared_from_this<BodyPump<is_request>> {
 public:
  using Parser = boost::beast::http::parser<is_request, PiecesBody>;
  using error_code = boost::system::error_code;

  /// `parser` has read the head, and `buffer` holds what came after it. `owner` is what the
  /// references belong to: operations under way keep it. `count` is told of each piece's size.
  BodyPump(std::shared_ptr<void> owner, Socket& from, Socket& to, boost::beast::flat_buffer& buffer,
           Parser& parser, BodyFraming framing, std::function<bool(std::size_t)> count)
      : owner_(std::move(owner)),
        from_(from),
        to_(to),
        buffer_(buffer),
        parser_(parser),
        framing_(framing),
        count_(std::move(count)) {}

  /// `head` goes out together with the first piece: one packet and one wake-up of the receiver
  /// where the answer is short.
  void start(std::string head, std::function<void(BodyEnd)> done) {
    const auto self = this->shared_from_this();  // `done` may let go of it
    head_ = std::move(head);
    done_ = std::move(done);
    step();
  }
  /// `done` is not called any more. The owner must let go of the pump.
  void cancel() {
    done_ = nullptr;
    if (flow_) std::exchange(flow_, nullptr)->cancel();
  }

 private:
  using Pieces = std::vector<boost::asio::const_buffer>;

  void step() {
    parser_.get().body().clear();
    error_code error;
    std::size_t used = 0;
    // The parser stops after each part of a chunk.
    while (!error && !parser_.is_done() && used < buffer_.size())
      used += parser_.put(boost::asio::buffer(buffer_.data() + used), error);
    if (error && error != boost::beast::http::error::need_more) {
      finish(BodyEnd::source_failed);
    } else if (!parser_.get().body().empty() || !head_.empty() || parser_.is_done()) {
      write(used);
    } else {
      buffer_.consume(used);
      if (!splice()) read();
    }
  }

  void read() {
    if (buffer_.size() >= relay_buffer_bytes) {  // a chunk's head or a trailer without end
      finish(BodyEnd::source_failed);
      return;
    }
    from_.async_read_some(buffer_.prepare(relay_buffer_bytes),
                          [self = this->shared_from_this()](error_code error, std::size_t size) {
                            if (!self->done_) return;
                            if (error == boost::asio::error::eof) {
                              self->parser_.put_eof(error);
                              if (error) {
                                self->finish(BodyEnd::source_failed);
                              } else {
                                self->step();
                              }
                            } else if (error) {
                              self->finish(BodyEnd::source_failed);
                            } else {
                              self->buffer_.commit(size);
                              self->step();
                            }
                          });
  }

  // What is there, and what stands around it: all in one write.
  void write(std::size_t used) {
    Pieces& body = parser_.get().body();
    const std::size_t size = boost::asio::buffer_size(body);
    if (size > 0 && !count_(size)) {
      finish(BodyEnd::limit);
      return;
    }
    const bool is_last = parser_.is_done();
    Pieces pieces;
    pieces.reserve(body.size() + 4);
    pieces.push_back(boost::asio::buffer(head_));
    if (framing_ == BodyFraming::chunked && size > 0) {
      chunk_head_ = fmt::format("{:x}\r\n", size);
      pieces.push_back(boost::asio::buffer(chunk_head_));
    }
    pieces.insert(pieces.end(), body.begin(), body.end());
    if (framing_ == BodyFraming::chunked) {
      constexpr std::string_view chunk_end = "\r\n0\r\n\r\n";
      const std::size_t begin = size > 0 ? 0 : 2;
      const std::size_t end = is_last ? chunk_end.size() : 2;
      pieces.push_back(boost::asio::buffer(chunk_end.data() + begin, end - begin));
    }
    boost::asio::async_write(
        to_, pieces,
        [self = this->shared_from_this(), used, is_last](error_code error, std::size_t) {
          if (!self->done_) return;
          self->buffer_.consume(used);
          self->head_.clear();
          if (error) {
            self->finish(BodyEnd::sink_failed);
          } else if (is_last) {
            self->finish(BodyEnd::whole);
          } else {
            self->step();
          }
        });
  }

  // A long body whose end is known is nobody's business but the kernel's.
  bool splice() {
    const auto rest = parser_.content_length_remaining();
    if (framing_ == BodyFraming::chunked || parser_.chunked() || !rest ||
        *rest < splice_from_bytes || buffer_.size() > 0) {
      return false;
    }
    flow_ = SpliceFlow::create({.owner = owner_, .from = from_, .to = to_}, *rest, count_);
    if (!flow_) return false;
    flow_->start([weak = this->weak_from_this()](BodyEnd end) {
      const auto self = weak.lock();
      if (!self || !self->done_) return;
      self->flow_.reset();
      self->finish(end);
    });
    return true;
  }

  void finish(BodyEnd end) { std::exchange(done_, nullptr)(end); }

  std::shared_ptr<void> owner_;
  Socket& from_;
  Socket& to_;
  boost::beast::flat_buffer& buffer_;
  Parser& parser_;
  const BodyFraming framing_;
  std::function<bool(std::size_t)> count_;
  std::function<void(BodyEnd)> done_;
  std::string head_;
  std::string chunk_head_;
  std::shared_ptr<SpliceFlow> flow_;
};

}  // namespace omnisandbox::egress
