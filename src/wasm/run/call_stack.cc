#include "wasm/run/call_stack.h"

#include <pthread.h>

#include <cstdint>
#include <exception>

#include "base/error.h"

namespace omnisandbox::wasm {
namespace {

struct StackBounds {
  std::uintptr_t low = 0;
  std::uintptr_t high = 0;
};

// Asking is costly on the main thread (glibc reads /proc/self/maps), so each thread asks once.
StackBounds bounds_of_this_thread() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return {};
  }
  void* low = nullptr;
  std::size_t size = 0;
  std::size_t guard = 0;
  StackBounds bounds;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0 &&
      pthread_attr_getguardsize(&attributes, &guard) == 0) {
    bounds.low = reinterpret_cast<std::uintptr_t>(low) + guard;
    bounds.high = reinterpret_cast<std::uintptr_t>(low) + size;
  }
  pthread_attr_destroy(&attributes);
  return bounds;
}

struct Call {
  const std::function<void()>& function;
  std::exception_ptr exception;
};

void* run_call(void* argument) {
  auto& call = *static_cast<Call*>(argument);
  try {
    call.function();
  } catch (...) {
    call.exception = std::current_exception();
  }
  return nullptr;
}

// For the frames between the start of a thread and `function`.
constexpr std::size_t thread_start_bytes = 64 * 1024;

}  // namespace

bool has_stack_left(std::size_t bytes) noexcept {
  thread_local const StackBounds bounds = bounds_of_this_thread();
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return here > bounds.low && here < bounds.high && here - bounds.low >= bytes;
}

Expected<void> call_with_stack(std::size_t bytes, const std::function<void()>& function) {
  if (has_stack_left(bytes)) {
    function();
    return {};
  }
  Call call{.function = function, .exception = nullptr};
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error == 0) {
    error = pthread_attr_setstacksize(&attributes, bytes + thread_start_bytes);
    pthread_t thread{};
    if (error == 0) {
      error = pthread_create(&thread, &attributes, &run_call, &call);
    }
    pthread_attr_destroy(&attributes);
    if (error == 0) {
      pthread_join(thread, nullptr);
    }
  }
  if (error != 0) {
    Error failure = Error::from_errno(error, "pthread_create", "");
    failure.kind = ErrorKind::unavailable;
    return failure;
  }
  if (call.exception) {
    std::rethrow_exception(call.exception);
  }
  return {};
}

}  // namespace omnisandbox::wasm
