#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Numbers and texts, one after the other, in the byte order of this machine: both ends are the
/// same build on the same machine.
namespace omnisandbox::wasm::worker {

class Writer {
 public:
  template <class T>
  requires std::is_integral_v<T>
  void number(T value) {
    const std::size_t place = bytes_.size();
    bytes_.resize(place + sizeof value);
    std::memcpy(bytes_.data() + place, &value, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  /// Without a length: the last part of a message.
  void rest(std::string_view value) { bytes_ += value; }
  void texts(const std::vector<std::string>& values) {
    number(static_cast<std::uint32_t>(values.size()));
    for (const std::string& value : values) {
      text(value);
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what a Writer wrote. After the first value that is not there everything is empty, and
/// `is_whole` says no: nobody acts before asking it.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class T>
  requires std::is_integral_v<T> T number() {
    T value{};
    if (left_.size() < sizeof value) {
      return fail<T>();
    }
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  /// A number from 0 to `last`.
  std::uint8_t choice(std::uint8_t last) {
    const auto value = number<std::uint8_t>();
    return value <= last ? value : fail<std::uint8_t>();
  }
  std::string_view text() {
    const auto length = number<std::uint32_t>();
    if (length > left_.size()) {
      return fail<std::string_view>();
    }
    const std::string_view value = left_.substr(0, length);
    left_.remove_prefix(length);
    return value;
  }
  std::vector<std::string> texts() {
    const auto count = number<std::uint32_t>();
    std::vector<std::string> values;
    // Each takes four bytes at least, so a count alone reserves nothing.
    for (std::uint32_t index = 0; index < count && !failed_; ++index) {
      values.emplace_back(text());
    }
    return values;
  }
  /// What was read makes no sense: nothing of it counts.
  void refuse() { fail<std::uint8_t>(); }
  std::string_view rest() { return std::exchange(left_, {}); }
  /// So far everything was there.
  bool is_good() const { return !failed_; }
  /// Everything was there, and nothing is left over.
  bool is_whole() const { return !failed_ && left_.empty(); }

 private:
  template <class T>
  T fail() {
    failed_ = true;
    left_ = {};
    return T{};
  }
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace omnisandbox::wasm::worker
