#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace omnisandbox::wasm {

/// Reads forward, and never past the end.
class BinaryReader {
 public:
  explicit BinaryReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool at_end() const { return position_ == bytes_.size(); }
  std::size_t position() const { return position_; }

  std::optional<std::uint8_t> byte() {
    if (at_end()) {
      return std::nullopt;
    }
    return static_cast<std::uint8_t>(bytes_[position_++]);
  }

  /// An unsigned LEB128 number.
  std::optional<std::uint64_t> number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto next = byte();
      if (!next) {
        return std::nullopt;
      }
      value |= std::uint64_t{*next & 0x7Fu} << shift;
      if ((*next & 0x80u) == 0) {
        return value;
      }
    }
    return std::nullopt;
  }

  std::optional<BinaryReader> part(std::uint64_t length) {
    if (length > bytes_.size() - position_) {
      return std::nullopt;
    }
    const BinaryReader result(bytes_.subspan(position_, static_cast<std::size_t>(length)));
    position_ += static_cast<std::size_t>(length);
    return result;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace omnisandbox::wasm
