#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace omnisandbox::wasm {

/// A guest's linear memory during one host call. The one place where guest pointers are checked:
/// every access is an offset and a length, compared without overflow against the memory's present
/// size. Guests with shared memories are not offered host functions, so nothing changes underneath.
class GuestMemory {
 public:
  explicit GuestMemory(std::span<std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }

  /// `length` bytes at `offset`; empty when any of them is outside.
  std::optional<std::span<std::uint8_t>> slice(std::uint32_t offset, std::uint32_t length) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset) {
      return std::nullopt;
    }
    return bytes_.subspan(offset, length);
  }
  std::optional<std::string_view> text(std::uint32_t offset, std::uint32_t length) const {
    const auto bytes = slice(offset, length);
    if (!bytes) {
      return std::nullopt;
    }
    return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  /// Little-endian plain data, at any alignment.
  template <class T>
  requires std::is_trivially_copyable_v<T> std::optional<T> load(std::uint32_t offset)
  const {
    const auto bytes = slice(offset, sizeof(T));
    if (!bytes) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] bool store(std::uint32_t offset, const T& value) const {
    const auto bytes = slice(offset, sizeof(T));
    if (!bytes) {
      return false;
    }
    std::memcpy(bytes->data(), &value, sizeof(T));
    return true;
  }

 private:
  std::span<std::uint8_t> bytes_;
};

}  // namespace omnisandbox::wasm
