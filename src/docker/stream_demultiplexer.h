#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

enum class OutputStream : std::uint8_t { standard_output, standard_error };

/// Takes apart what an engine sends for a container without a terminal: frames of an 8-byte header
/// (stream, three zero bytes, length in big-endian order) and their bytes (Engine API,
/// ContainerAttach, "Stream format"). Never buffers a frame, so that its length bounds nothing.
class StreamDemultiplexer {
 public:
  using Take = std::function<void(OutputStream, std::string_view)>;
  explicit StreamDemultiplexer(Take take) : take_(std::move(take)) {}

  /// The next bytes, cut anywhere. `io` for what is no such stream; nothing after it is taken.
  Expected<void> feed(std::string_view bytes);
  /// Whether the stream stands at the end of a frame.
  bool is_between_frames() const noexcept { return header_size_ == 0 && rest_ == 0; }

 private:
  static constexpr std::size_t header_bytes = 8;
  Take take_;
  std::array<unsigned char, header_bytes> header_{};
  std::size_t header_size_ = 0;
  std::uint32_t rest_ = 0;  // of the frame that has begun
  OutputStream stream_ = OutputStream::standard_output;
};

}  // namespace omnisandbox::docker
