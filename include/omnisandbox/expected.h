#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "omnisandbox/error.h"

namespace omnisandbox {

/// A value, or the Error that kept it from being made. Must not be dropped unread.
template <class T>
class [[nodiscard]] Expected : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  // Lets `return Error{…};` and `return fail(…)` read the same in every function.
  Expected(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
};

}  // namespace omnisandbox
