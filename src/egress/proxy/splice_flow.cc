#include "egress/proxy/splice_flow.h"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "egress/proxy/limits.h"

namespace omnisandbox::egress {
namespace {

// Then others take their turn.
constexpr int max_rounds_in_a_row = 16;

}  // namespace

std::shared_ptr<SpliceFlow> SpliceFlow::create(Ends ends, std::optional<std::uint64_t> limit_bytes,
                                               std::function<bool(std::size_t)> count) {
  auto pipe = linux_::make_pipe();
  if (!pipe) return nullptr;
  linux_::widen_pipe(pipe->write_end, splice_pipe_bytes);
  boost::system::error_code error;
  ends.from.native_non_blocking(true, error);
  if (!error) ends.to.native_non_blocking(true, error);
  if (error) return nullptr;
  return std::make_shared<SpliceFlow>(std::move(ends), limit_bytes, std::move(count),
                                      *std::move(pipe));
}

SpliceFlow::SpliceFlow(Ends ends, std::optional<std::uint64_t> limit_bytes,
                       std::function<bool(std::size_t)> count, linux_::Pipe pipe)
    : ends_(std::move(ends)),
      rest_bytes_(limit_bytes),
      count_(std::move(count)),
      pipe_(std::move(pipe)) {}

void SpliceFlow::start(std::function<void(BodyEnd)> done) {
  done_ = std::move(done);
  const auto self = shared_from_this();  // `done` may let go of it
  go_on();
}

void SpliceFlow::go_on() {
  for (int round = 0; round < max_rounds_in_a_row; ++round) {
    const Step step = in_pipe_bytes_ == 0 ? fill() : drain();
    if (step != Step::moved) return;
  }
  boost::asio::post(ends_.from.get_executor(), [self = shared_from_this()] {
    if (self->done_) self->go_on();
  });
}

SpliceFlow::Step SpliceFlow::fill() {
  if (rest_bytes_ == 0) return finish(BodyEnd::whole);
  const auto size = static_cast<std::size_t>(
      std::min<std::uint64_t>(splice_pipe_bytes, rest_bytes_.value_or(splice_pipe_bytes)));
  const ssize_t moved = ::splice(ends_.from.native_handle(), nullptr, pipe_.write_end.get(),
                                 nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved < 0 && errno == EINTR) return Step::moved;
  if (moved < 0 && errno == EAGAIN) {
    wait(ends_.from, Socket::wait_read, BodyEnd::source_failed);
    return Step::waits;
  }
  if (moved < 0) return finish(BodyEnd::source_failed);
  if (moved == 0) return finish(rest_bytes_ ? BodyEnd::source_failed : BodyEnd::whole);
  in_pipe_bytes_ = static_cast<std::size_t>(moved);
  if (rest_bytes_) *rest_bytes_ -= in_pipe_bytes_;
  return count_(in_pipe_bytes_) ? Step::moved : finish(BodyEnd::limit);
}

// A receiver that is gone raises SIGPIPE here, which no flag of splice(2) prevents: the proxy's
// thread blocks it.
SpliceFlow::Step SpliceFlow::drain() {
  const ssize_t moved = ::splice(pipe_.read_end.get(), nullptr, ends_.to.native_handle(), nullptr,
                                 in_pipe_bytes_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved < 0 && errno == EINTR) return Step::moved;
  if (moved < 0 && errno == EAGAIN) {
    wait(ends_.to, Socket::wait_write, BodyEnd::sink_failed);
    return Step::waits;
  }
  if (moved <= 0) return finish(BodyEnd::sink_failed);
  in_pipe_bytes_ -= static_cast<std::size_t>(moved);
  return Step::moved;
}

void SpliceFlow::wait(Socket& socket, Socket::wait_type what, BodyEnd failure) {
  socket.async_wait(what, [self = shared_from_this(), failure](boost::system::error_code error) {
    if (!self->done_) return;
    if (error) {
      self->finish(failure);
    } else {
      self->go_on();
    }
  });
}

SpliceFlow::Step SpliceFlow::finish(BodyEnd end) {
  if (auto done = std::exchange(done_, nullptr)) done(end);
  return Step::ended;
}

}  // namespace omnisandbox::egress
