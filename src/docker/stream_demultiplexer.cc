#include "docker/stream_demultiplexer.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace omnisandbox::docker {
namespace {

constexpr unsigned char stdout_stream = 1;
constexpr unsigned char stderr_stream = 2;

}  // namespace

Expected<void> StreamDemultiplexer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (rest_ > 0) {
      const std::size_t size = std::min<std::size_t>(rest_, bytes.size());
      take_(stream_, bytes.substr(0, size));
      rest_ -= static_cast<std::uint32_t>(size);
      bytes.remove_prefix(size);
      continue;
    }
    const std::size_t size = std::min(header_bytes - header_size_, bytes.size());
    std::memcpy(header_.data() + header_size_, bytes.data(), size);
    header_size_ += size;
    bytes.remove_prefix(size);
    if (header_size_ < header_bytes) {
      break;
    }
    const bool is_known = header_[0] == stdout_stream || header_[0] == stderr_stream;
    if (!is_known || header_[1] != 0 || header_[2] != 0 || header_[3] != 0) {
      return base::make_error(ErrorKind::io,
                              "the engine sent what is no frame of a container's output (it begins "
                              "with {:02x} {:02x} {:02x} {:02x})",
                              header_[0], header_[1], header_[2], header_[3]);
    }
    stream_ =
        header_[0] == stderr_stream ? OutputStream::standard_error : OutputStream::standard_output;
    rest_ = (std::uint32_t{header_[4]} << 24) | (std::uint32_t{header_[5]} << 16) |
            (std::uint32_t{header_[6]} << 8) | std::uint32_t{header_[7]};
    header_size_ = 0;
  }
  return {};
}

}  // namespace omnisandbox::docker
