#pragma once

#include <compare>

namespace omnisandbox::base {

/// A yes or no with a name, so that a call says what it means: `open(path, FollowLast::no)`.
/// Declare one with `using FollowLast = StrongBool<struct FollowLastTag>;`.
template <class Tag>
class StrongBool {
 public:
  static const StrongBool yes;
  static const StrongBool no;
  constexpr explicit StrongBool(bool value) : value_(value) {}
  constexpr explicit operator bool() const { return value_; }
  constexpr bool operator==(const StrongBool&) const = default;

 private:
  bool value_;
};

template <class Tag>
inline constexpr StrongBool<Tag> StrongBool<Tag>::yes{true};
template <class Tag>
inline constexpr StrongBool<Tag> StrongBool<Tag>::no{false};

}  // namespace omnisandbox::base
