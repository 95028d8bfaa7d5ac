#pragma once

#include <type_traits>
#include <utility>

#include "omnisandbox/expected.h"

namespace omnisandbox::base {

template <class Result>
decltype(auto) take_value(Result&& result) {
  if constexpr (!std::is_void_v<typename std::remove_cvref_t<Result>::value_type>) {
    return *std::forward<Result>(result);
  }
}

}  // namespace omnisandbox::base

/// The value of an Expected, or a return of its error from the enclosing function.
#define TRY(...)                                              \
  __extension__({                                             \
    auto&& try_result = (__VA_ARGS__);                        \
    if (!try_result.has_value()) {                            \
      return ::tl::unexpected(std::move(try_result).error()); \
    }                                                         \
    ::omnisandbox::base::take_value(std::move(try_result));   \
  })
