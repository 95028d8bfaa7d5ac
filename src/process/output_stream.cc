#include "process/output_stream.h"

#include <algorithm>

#include "base/try.h"

namespace omnisandbox::process {

Expected<void> OutputStream::read_some(std::span<char> buffer) {
  const linux_::Transfer transfer = TRY(linux_::read_available(pipe_, buffer));
  if (transfer.kind == linux_::Transfer::Kind::ended) {
    pipe_.reset();
    return {};
  }
  const std::string_view piece(buffer.data(), transfer.bytes);
  const std::uint64_t room = limit_ > total_ ? limit_ - total_ : 0;
  const std::string_view kept = piece.substr(0, std::min<std::uint64_t>(room, piece.size()));
  total_ += piece.size();
  if (!kept.empty()) {
    kept_ += kept;
    if (callback_) {
      callback_(kept);
    }
  }
  return {};
}

Expected<void> OutputStream::drain(std::span<char> buffer) {
  // The writers are gone: what a pipe holds is bounded, so this ends.
  std::uint64_t before = total_ + 1;
  while (pipe_.is_open() && total_ != before) {
    before = total_;
    TRY(read_some(buffer));
  }
  return {};
}

}  // namespace omnisandbox::process
