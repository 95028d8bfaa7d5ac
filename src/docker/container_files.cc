#include "docker/container_files.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "docker/marked_stream.h"
#include "linux/channels.h"
#include "linux/message_socket.h"
#include "linux/random.h"

namespace omnisandbox::docker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t buffer_bytes = 256 * 1024;
constexpr std::int64_t longest_wait_ms = 3'600'000;

/// One job about files: sends what there is to send, takes what comes, until the container says how
/// it went.
class Transfer {
 public:
  Transfer(Container& container, const Patience& patience, FileStream::Take take,
           const CopyLimits& limits)
      : container_(container),
        patience_(patience),
        max_stream_bytes_(limits.max_total_bytes +
                          limits.max_entries * (sizeof(init::FileEntry) + init::max_path_bytes)),
        take_(std::move(take)),
        files_(limits, [this](CopiedFile file) { return give_to_taker(std::move(file)); }),
        stdout_(sizeof(init::End), [this](std::string_view piece) { take_output(piece); }),
        stderr_(sizeof(init::Ending), [](std::string_view) {}),
        streams_([this](OutputStream stream, std::string_view piece) {
          (stream == OutputStream::standard_output ? stdout_ : stderr_).feed(piece);
        }) {}

  /// `next` gives what to send; empty: nothing is sent.
  Expected<init::Ending> run(init::Job job, const std::string& path, const NextFile& next) {
    if (path.find('\0') != std::string::npos || path.size() > init::max_path_bytes) {
      return base::make_error(ErrorKind::invalid_argument, "{} is no path in a container",
                              base::printable(path, 200));
    }
    TRY(linux_::fill_random(job.token));
    stdout_.expect(job.token);
    stderr_.expect(job.token);
    job.is_last = 0;
    job.text_bytes = static_cast<std::uint32_t>(path.size());
    outgoing_.assign(reinterpret_cast<const char*>(&job), sizeof job);
    outgoing_ += path;
    next_ = next;
    container_.begin_job();
    TRY(serve());
    init::Ending ending;
    std::memcpy(&ending, stderr_.tail()->data(), sizeof ending);
    if (streams_.is_between_frames() && ending.cause == init::Cause::command_ended && !is_lying_) {
      container_.end_job();
    }
    if (failure_) {
      return *std::move(failure_);
    }
    return ending;
  }

  bool has_whole_stream() const { return files_.is_complete(); }

 private:
  bool is_complete() const { return stdout_.tail() && stderr_.tail(); }

  // What comes after an error is read and dropped, so that the next job finds its place.
  void take_output(std::string_view piece) {
    if (failure_) {
      received_after_failure_ += piece.size();
      return;
    }
    if (auto taken = files_.feed(piece); !taken) {
      failure_ = std::move(taken).error();
      is_lying_ = !is_takers_failure_;
    }
  }

  Expected<void> give_to_taker(CopiedFile file) {
    auto taken = take_(std::move(file));
    is_takers_failure_ = !taken;
    return taken;
  }

  Expected<void> serve() {
    const linux_::WakeUp wake_up = TRY(linux_::WakeUp::create());
    const std::stop_callback on_stop(patience_.stop, [&wake_up] { wake_up.wake(); });
    std::vector<char> buffer(buffer_bytes);
    while (!is_complete()) {
      TRY(check_time());
      fill();
      std::array<pollfd, 2> files = {
          pollfd{container_.stream().socket.get(),
                 static_cast<short>(POLLIN | (outgoing_.empty() ? 0 : POLLOUT)), 0},
          pollfd{wake_up.handle().get(), POLLIN, 0}};
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(patience_.until - Clock::now());
      const auto wait_ms = std::clamp<std::int64_t>(left.count(), 0, longest_wait_ms);
      if (::poll(files.data(), files.size(), static_cast<int>(wait_ms)) < 0 && errno != EINTR) {
        return Error::from_errno(errno, "poll", container_.id());
      }
      if ((files[0].revents & POLLOUT) != 0) {
        TRY(send());
      }
      if ((files[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        TRY(receive(buffer));
      }
    }
    return {};
  }

  Expected<void> check_time() const {
    if (patience_.stop.stop_requested()) {
      return base::make_error(ErrorKind::cancelled, "cancelled while files were copied");
    }
    if (Clock::now() >= patience_.until) {
      return base::make_error(ErrorKind::timeout, "the files were not copied before the deadline");
    }
    // The first process of a container keeps to its limits and its format; whoever does not, or
    // goes on past what it was told, need not be listened to.
    if (is_lying_ || received_after_failure_ > max_stream_bytes_) {
      return *failure_;
    }
    return {};
  }

  /// The next entry, where the one before has been sent.
  void fill() {
    if (!outgoing_.empty() || !next_) {
      return;
    }
    std::optional<CopiedFile> file;
    if (auto next = next_()) {
      file = *std::move(next);
    } else {
      failure_ = std::move(next).error();
    }
    init::FileEntry entry;
    if (file) {
      entry = {.kind = file->is_folder ? init::EntryKind::folder : init::EntryKind::file,
               .mode = file->mode,
               .size_bytes = file->content.size(),
               .path_bytes = static_cast<std::uint32_t>(file->path.size())};
    } else {
      next_ = {};
    }
    outgoing_.assign(reinterpret_cast<const char*>(&entry), sizeof entry);
    if (file) {
      outgoing_ += file->path;
      outgoing_ += file->content;
    }
  }

  Expected<void> send() {
    const auto sent = linux_::send_now(container_.stream().socket,
                                       std::string_view(outgoing_).substr(outgoing_done_), nullptr);
    if (!sent || sent->kind == linux_::Transfer::Kind::ended) {
      return went_away();
    }
    outgoing_done_ += sent->kind == linux_::Transfer::Kind::moved ? sent->bytes : 0;
    if (outgoing_done_ == outgoing_.size()) {
      outgoing_.clear();
      outgoing_done_ = 0;
    }
    return {};
  }

  Expected<void> receive(std::span<char> buffer) {
    const auto moved = linux_::receive_now(container_.stream().socket, buffer);
    if (!moved || moved->kind == linux_::Transfer::Kind::ended) {
      return went_away();
    }
    if (moved->kind == linux_::Transfer::Kind::moved) {
      TRY(streams_.feed(std::string_view(buffer.data(), moved->bytes)));
    }
    return {};
  }

  static Error went_away() {
    return base::make_error(
        ErrorKind::unavailable,
        "the container ended, or the engine went away, while files were copied");
  }

  Container& container_;
  const Patience& patience_;
  const std::uint64_t max_stream_bytes_;
  const FileStream::Take take_;
  FileStream files_;
  MarkedStream stdout_;
  MarkedStream stderr_;
  StreamDemultiplexer streams_;
  NextFile next_;
  std::string outgoing_;
  std::size_t outgoing_done_ = 0;
  std::optional<Error> failure_;
  bool is_takers_failure_ = false;
  bool is_lying_ = false;  // the container, or the engine
  std::uint64_t received_after_failure_ = 0;
};

Error not_copied(const init::Ending& ending) {
  const auto& path = ending.failed_path;
  const std::string text(path.data(), ::strnlen(path.data(), path.size()));
  const ErrorKind kind = ending.failed_errno == ENOENT  ? ErrorKind::not_found
                         : ending.failed_errno == EFBIG ? ErrorKind::too_large
                                                        : ErrorKind::io;
  const std::string reason =
      ending.failed_errno == EFBIG
          ? "it is beyond max_file_bytes, max_write_bytes or max_files_created of the policy"
      : ending.failed_errno == EINVAL ? "it is neither a file nor a folder"
                                      : std::strerror(ending.failed_errno);
  Error error =
      base::make_error(kind, "{} in the container: {}", base::printable(text, 256), reason);
  error.system_errno = ending.failed_errno;
  return error;
}

Expected<void> outcome_of(const init::Ending& ending) {
  return ending.failed_step == init::Step::none ? Expected<void>() : not_copied(ending);
}

}  // namespace

Expected<void> copy_into(Container& container, const std::string& path, const NextFile& next,
                         const Patience& patience) {
  Transfer transfer(container, patience,
                    [](const CopiedFile&) -> Expected<void> {
                      return base::make_error(ErrorKind::io,
                                              "the container sent files that nobody asked for");
                    },
                    {});
  return outcome_of(TRY(transfer.run({.kind = init::JobKind::take_files}, path, next)));
}

Expected<std::uint64_t> copy_from(Container& container, const std::string& path,
                                  const CopyLimits& limits, const FileStream::Take& take,
                                  const Patience& patience) {
  Transfer transfer(container, patience, take, limits);
  const init::Ending ending = TRY(transfer.run({.kind = init::JobKind::give_files,
                                                .max_file_bytes = limits.max_file_bytes,
                                                .max_total_bytes = limits.max_total_bytes,
                                                .max_entries = limits.max_entries},
                                               path, {}));
  TRY(outcome_of(ending));
  if (!transfer.has_whole_stream()) {
    return base::make_error(ErrorKind::io, "the container's files ended in the middle");
  }
  return ending.left_out;
}

}  // namespace omnisandbox::docker
