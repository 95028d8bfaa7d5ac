#include "docker/engine/engine_connection.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/system/system_error.hpp>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/channels.h"

namespace omnisandbox::docker {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using LocalSocket = boost::asio::local::stream_protocol::socket;
using Request = http::request<http::string_body>;

constexpr unsigned http_version = 11;
constexpr unsigned first_error_status = 400;
constexpr std::size_t line_buffer_bytes = 64 * 1024;

template <class Body>
http::request<Body> head_of(const EngineRequest& request) {
  http::request<Body> result(http::string_to_verb(request.method), request.target, http_version);
  result.set(http::field::host, "engine");
  result.set(http::field::user_agent, "omnisandbox");
  if (!request.registry_auth.empty()) {
    result.set("X-Registry-Auth", request.registry_auth);
  }
  return result;
}

Request to_http(const EngineRequest& request) {
  Request result = head_of<http::string_body>(request);
  if (!request.body.empty()) {
    result.set(http::field::content_type, request.content_type);
    result.body() = request.body;
  }
  result.prepare_payload();
  return result;
}

}  // namespace

class EngineConnection::Impl {
 public:
  explicit Impl(std::string path) : path_(std::move(path)), socket_(io_) {}

  Expected<void> connect(const Patience& patience) {
    boost::asio::local::stream_protocol::endpoint endpoint;
    try {
      endpoint = boost::asio::local::stream_protocol::endpoint(path_);
    } catch (const std::exception& error) {
      return base::make_error(ErrorKind::unavailable, "{}: {}", base::printable(path_),
                              error.what());
    }
    return complete(patience, [&](auto handler) { socket_.async_connect(endpoint, handler); });
  }

  Expected<void> send(const EngineRequest& request, const Patience& patience) {
    is_usable_ = false;
    const Request sent = to_http(request);
    return complete(patience,
                    [&](auto handler) { http::async_write(socket_, sent, drop_size(handler)); });
  }

  Expected<EngineAnswer> exchange(const EngineRequest& request, std::uint64_t max_body_bytes,
                                  const Patience& patience) {
    TRY(send(request, patience));
    return read_answer(max_body_bytes, patience);
  }

  Expected<EngineAnswer> exchange_upload(const EngineRequest& request,
                                         const std::function<Expected<void>(const Sink&)>& produce,
                                         const Patience& patience) {
    is_usable_ = false;
    auto head = head_of<http::buffer_body>(request);
    head.set(http::field::content_type, request.content_type);
    head.chunked(true);
    http::request_serializer<http::buffer_body> serializer(head);
    const auto write = [&](std::string_view piece, bool has_more) -> Expected<void> {
      head.body().data = const_cast<char*>(piece.data());
      head.body().size = piece.size();
      head.body().more = has_more;
      error_code outcome;
      TRY(complete(
          patience,
          [&](auto handler) { http::async_write(socket_, serializer, drop_size(handler)); },
          &outcome));
      if (outcome && outcome != http::error::need_buffer) {
        return problem(outcome, Socket::kept);
      }
      return {};
    };
    bool was_refused = false;
    auto produced = produce([&](std::string_view piece) -> Expected<void> {
      auto written = piece.empty() ? Expected<void>() : write(piece, true);
      was_refused = !written;
      return written;
    });
    if (produced) {
      produced = write({}, false);
      was_refused = !produced;
    }
    if (!produced && !was_refused) {
      close();
      return std::move(produced).error();
    }
    // Whoever takes no more of it says why.
    auto answer = read_answer(max_engine_json_bytes, patience);
    if (!answer && was_refused) {
      return std::move(produced).error();
    }
    return answer;
  }

  Expected<EngineAnswer> read_answer(std::uint64_t max_body_bytes, const Patience& patience) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(max_engine_head_bytes);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    TRY(complete(patience, [&](auto handler) {
      http::async_read_header(socket_, buffer_, parser, drop_size(handler));
    }));
    // Before anything is set aside for the body.
    if (parser.content_length().value_or(0) > max_body_bytes) {
      return problem(http::make_error_code(http::error::body_limit));
    }
    parser.body_limit(max_body_bytes);
    TRY(complete(patience, [&](auto handler) {
      http::async_read(socket_, buffer_, parser, drop_size(handler));
    }));
    is_usable_ = parser.get().keep_alive();
    return answer_of(parser);
  }

  Expected<EngineAnswer> exchange_lines(const EngineRequest& request,
                                        const std::function<bool(std::string_view)>& take_line,
                                        const Patience& patience) {
    TRY(send(request, patience));
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(max_engine_head_bytes);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    TRY(complete(patience, [&](auto handler) {
      http::async_read_header(socket_, buffer_, parser, drop_size(handler));
    }));
    EngineAnswer answer{.status = parser.get().result_int()};
    std::vector<char> piece(line_buffer_bytes);
    std::string line;
    const auto take = [&](std::string_view text) -> Expected<bool> {
      if (answer.status >= first_error_status) {
        answer.body += text;
        return answer.body.size() <= max_engine_line_bytes;
      }
      while (!text.empty()) {
        const std::size_t end = text.find('\n');
        line += text.substr(0, end);
        if (line.size() > max_engine_line_bytes) {
          return base::make_error(ErrorKind::too_large,
                                  "the engine sent a line of more than {} MiB",
                                  max_engine_line_bytes >> 20);
        }
        if (end == std::string_view::npos) {
          return true;
        }
        text.remove_prefix(end + 1);
        if (!line.empty() && !take_line(std::exchange(line, {}))) {
          return false;
        }
      }
      return true;
    };
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      error_code outcome;
      TRY(complete(
          patience,
          [&](auto handler) {
            http::async_read_some(socket_, buffer_, parser, drop_size(handler));
          },
          &outcome));
      if (outcome && outcome != http::error::need_buffer) {
        return problem(outcome);
      }
      const std::size_t size = piece.size() - parser.get().body().size;
      if (!TRY(take(std::string_view(piece.data(), size)))) {
        return answer;  // not usable: the rest is still to come
      }
    }
    is_usable_ = parser.get().keep_alive();
    if (!line.empty()) {
      take_line(line);
    }
    return answer;
  }

  Expected<RawStream> upgrade(const EngineRequest& request, const Patience& patience) {
    Request sent = to_http(request);
    sent.set(http::field::connection, "Upgrade");
    sent.set(http::field::upgrade, "tcp");
    is_usable_ = false;
    TRY(complete(patience,
                 [&](auto handler) { http::async_write(socket_, sent, drop_size(handler)); }));
    http::response_parser<http::string_body> parser;
    parser.header_limit(max_engine_head_bytes);
    parser.body_limit(max_engine_json_bytes);
    TRY(complete(patience, [&](auto handler) {
      http::async_read_header(socket_, buffer_, parser, drop_size(handler));
    }));
    // 200 of engines that ignore the Upgrade header: the stream follows all the same.
    const auto status = parser.get().result();
    if (status != http::status::switching_protocols && status != http::status::ok) {
      TRY(complete(patience, [&](auto handler) {
        http::async_read(socket_, buffer_, parser, drop_size(handler));
      }));
      return base::make_error(
          status == http::status::not_found ? ErrorKind::not_found : ErrorKind::io,
          "the engine refused to attach to the container (status {}): {}",
          parser.get().result_int(), base::printable(parser.get().body()));
    }
    RawStream stream;
    const auto rest = buffer_.data();
    stream.first_bytes.assign(static_cast<const char*>(rest.data()), rest.size());
    error_code error;
    stream.socket = linux_::Fd(socket_.release(error));
    if (error) {
      return Error::from_errno(error.value(), "release", path_);
    }
    TRY(linux_::set_nonblocking(stream.socket));
    return stream;
  }

  bool is_usable() {
    if (!is_usable_ || !socket_.is_open()) {
      return false;
    }
    // An engine that has restarted has closed it.
    char byte = 0;
    return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  template <class Handler>
  static auto drop_size(Handler handler) {
    return [handler](error_code error, std::size_t) { handler(error); };
  }

  template <class Parser>
  static EngineAnswer answer_of(Parser& parser) {
    EngineAnswer answer{.status = parser.get().result_int(), .body = parser.get().body()};
    if (const auto found = parser.get().find("Api-Version"); found != parser.get().end()) {
      answer.api_version.assign(found->value().data(), found->value().size());
    }
    if (const auto found = parser.get().find(http::field::server); found != parser.get().end()) {
      answer.server.assign(found->value().data(), found->value().size());
    }
    if (const auto found = parser.get().find("Libpod-Api-Version"); found != parser.get().end()) {
      answer.podman.assign(found->value().data(), found->value().size());
    }
    return answer;
  }

  /// Runs one asynchronous step to its end, the deadline or the stop. With `outcome`, how it ended
  /// is the caller's to judge: a buffer that is full or empty is no error.
  template <class Initiate>
  Expected<void> complete(const Patience& patience, Initiate&& initiate,
                          error_code* outcome = nullptr) {
    std::optional<error_code> ended;
    bool is_stopped = false;
    io_.restart();
    std::invoke(std::forward<Initiate>(initiate),
                [&ended](const error_code& error) { ended = error; });
    {
      const std::stop_callback on_stop(patience.stop, [&] {
        boost::asio::post(io_, [&] {
          is_stopped = true;
          close();
        });
      });
      while (!ended && io_.run_one_until(patience.until) > 0) {
      }
    }
    const bool is_late = !ended;
    if (is_late) {
      close();
    }
    // What is still queued refers to this frame.
    io_.restart();
    io_.poll();
    if (is_stopped) {
      return base::make_error(ErrorKind::cancelled, "cancelled while waiting for the engine at {}",
                              base::printable(path_));
    }
    if (is_late) {
      return base::make_error(ErrorKind::timeout, "the engine at {} did not answer in time",
                              base::printable(path_));
    }
    if (outcome != nullptr) {
      *outcome = *ended;
      return {};
    }
    return *ended ? problem(*ended) : Expected<void>();
  }

  enum class Socket : std::uint8_t { closed, kept };
  Error problem(const error_code& error, Socket socket = Socket::closed) {
    if (socket == Socket::closed) {
      close();
    }
    if (error == http::error::body_limit || error == http::error::header_limit) {
      return base::make_error(ErrorKind::too_large, "the engine at {} sent more than can be taken",
                              base::printable(path_));
    }
    if (error.category() == http::make_error_code(http::error::bad_version).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return base::make_error(ErrorKind::io, "the engine at {} sent what is no HTTP answer: {}",
                              base::printable(path_), error.message());
    }
    Error result = base::make_error(
        ErrorKind::unavailable,
        "the container engine at {} cannot be talked to: {}; start it, or name it with "
        "DOCKER_HOST; the user needs the right to its socket",
        base::printable(path_), error.message());
    result.system_errno = error.category() == boost::system::system_category() ? error.value() : 0;
    return result;
  }

  void close() {
    is_usable_ = false;
    error_code ignored;
    socket_.close(ignored);
  }

  const std::string path_;
  boost::asio::io_context io_;
  LocalSocket socket_;
  boost::beast::flat_buffer buffer_;
  bool is_usable_ = false;
};

EngineConnection::EngineConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EngineConnection::~EngineConnection() = default;

Expected<std::unique_ptr<EngineConnection>> EngineConnection::open(const std::string& socket_path,
                                                                   const Patience& patience) {
  std::unique_ptr<Impl> impl;
  try {
    impl = std::make_unique<Impl>(socket_path);
  } catch (const boost::system::system_error& failure) {
    // An event loop is some descriptors.
    return Error::from_errno(failure.code().value(), "epoll_create", socket_path);
  }
  TRY(impl->connect(patience));
  return std::unique_ptr<EngineConnection>(new EngineConnection(std::move(impl)));
}

Expected<EngineAnswer> EngineConnection::exchange(const EngineRequest& request,
                                                  std::uint64_t max_body_bytes,
                                                  const Patience& patience) {
  return impl_->exchange(request, max_body_bytes, patience);
}

Expected<void> EngineConnection::send_only(const EngineRequest& request, const Patience& patience) {
  return impl_->send(request, patience);
}

Expected<EngineAnswer> EngineConnection::exchange_lines(
    const EngineRequest& request, const std::function<bool(std::string_view)>& take_line,
    const Patience& patience) {
  return impl_->exchange_lines(request, take_line, patience);
}

Expected<EngineAnswer> EngineConnection::exchange_upload(
    const EngineRequest& request, const std::function<Expected<void>(const Sink&)>& produce,
    const Patience& patience) {
  return impl_->exchange_upload(request, produce, patience);
}

Expected<RawStream> EngineConnection::upgrade(const EngineRequest& request,
                                              const Patience& patience) {
  return impl_->upgrade(request, patience);
}

bool EngineConnection::is_usable() const noexcept { return impl_->is_usable(); }

}  // namespace omnisandbox::docker
