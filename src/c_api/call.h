#pragma once

#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "c_api/handles.h"
#include "omnisandbox/expected.h"

/// What every function of the C interface does with its arguments and its outcome.
namespace omnisandbox::c_api {

/// The error that needs no memory to be made. Freeing it does nothing.
omnisandbox_error_t* out_of_memory() noexcept;
omnisandbox_error_t* error_handle(Error error);

/// Runs `function`, which returns an Expected<void>; no exception reaches the caller.
template <class Function>
omnisandbox_error_t* guarded(Function function) noexcept {
  try {
    try {
      Expected<void> done = function();
      return done ? nullptr : error_handle(std::move(done).error());
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return error_handle(base::make_error(ErrorKind::internal, "an unexpected failure: {}",
                                           base::printable(error.what())));
    }
  } catch (...) {
    return out_of_memory();
  }
}

/// An argument that must not be NULL.
struct Required {
  std::string_view name;
  const void* pointer;
};
Expected<void> require(std::initializer_list<Required> arguments);

/// The bytes of an argument; `invalid_argument` for NULL with a size.
Expected<std::string_view> view(omnisandbox_bytes_t bytes, std::string_view name);

inline omnisandbox_bytes_t bytes_of(std::string_view text) noexcept {
  return {text.data(), text.size()};
}

/// Makes a Handle of `parts` and gives it to the caller through `place`.
template <class Handle, class... Parts>
void give(Handle** place, Parts&&... parts) {
  *place = std::make_unique<Handle>(Handle{std::forward<Parts>(parts)...}).release();
}

template <class Handle>
void free_handle(Handle* handle) noexcept {
  const std::unique_ptr<Handle> owner(handle);
}

}  // namespace omnisandbox::c_api
