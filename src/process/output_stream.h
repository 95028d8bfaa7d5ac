#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "linux/channels.h"

namespace omnisandbox::process {

/// One of a command's output streams: always drained, kept up to a limit, counted beyond it.
class OutputStream {
 public:
  OutputStream(linux_::Fd pipe, std::uint64_t limit, std::function<void(std::string_view)> callback)
      : pipe_(std::move(pipe)), limit_(limit), callback_(std::move(callback)) {}

  bool is_open() const noexcept { return pipe_.is_open(); }
  const linux_::Fd& pipe() const noexcept { return pipe_; }

  /// Reads what is there, at most one buffer; closes at the end of the stream.
  Expected<void> read_some(std::span<char> buffer);
  /// Reads all that is there, but no more than what a full pipe can hold.
  Expected<void> drain(std::span<char> buffer);

  /// What comes from now on is kept and counted only.
  void call_no_more() { callback_ = nullptr; }

  std::string take() { return std::move(kept_); }
  std::uint64_t total_bytes() const noexcept { return total_; }
  bool is_truncated() const noexcept { return total_ > limit_; }

 private:
  linux_::Fd pipe_;
  std::uint64_t limit_;
  std::function<void(std::string_view)> callback_;
  std::string kept_;
  std::uint64_t total_ = 0;
};

}  // namespace omnisandbox::process
