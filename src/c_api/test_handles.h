#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "omnisandbox/omnisandbox.h"

/// What tests of the C interface use it with; they include nothing else of the product.
namespace omnisandbox::c_api::test {

inline std::string str(omnisandbox_bytes_t bytes) {
  return bytes.size == 0 ? "" : std::string(bytes.data, bytes.size);
}

inline omnisandbox_bytes_t bytes(const std::string& text) { return {text.data(), text.size()}; }

/// Frees what it owns; `out()` is where a call puts it.
template <class T, void (*free_it)(T*)>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned(Owned&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  ~Owned() { free_it(pointer_); }
  T** out() {
    free_it(std::exchange(pointer_, nullptr));
    return &pointer_;
  }
  T* get() const { return pointer_; }
  operator T*() const { return pointer_; }

 private:
  T* pointer_ = nullptr;
};
using Policy = Owned<omnisandbox_policy_t, omnisandbox_policy_free>;
using Settings = Owned<omnisandbox_settings_t, omnisandbox_settings_free>;
using Functions = Owned<omnisandbox_functions_t, omnisandbox_functions_free>;
using Buffer = Owned<omnisandbox_buffer_t, omnisandbox_buffer_free>;
using Runtime = Owned<omnisandbox_runtime_t, omnisandbox_runtime_free>;
using Input = Owned<omnisandbox_input_t, omnisandbox_input_free>;
using Result = Owned<omnisandbox_result_t, omnisandbox_result_free>;
using Cancellation = Owned<omnisandbox_cancellation_t, omnisandbox_cancellation_free>;
using Audit = Owned<omnisandbox_audit_t, omnisandbox_audit_free>;
using ProcessSandbox = Owned<omnisandbox_process_sandbox_t, omnisandbox_process_sandbox_free>;
using DockerSandbox = Owned<omnisandbox_docker_sandbox_t, omnisandbox_docker_sandbox_free>;
using DockerSession = Owned<omnisandbox_docker_session_t, omnisandbox_docker_session_free>;

struct Failure {
  bool failed = false;
  omnisandbox_error_kind_t kind = OMNISANDBOX_ERROR_INTERNAL;
  std::string message;
  bool has_denial = false;
};

inline Failure taken(omnisandbox_error_t* error) {
  if (error == nullptr) {
    return {};
  }
  Failure failure{.failed = true,
                  .kind = omnisandbox_error_kind(error),
                  .message = str(omnisandbox_error_message(error)),
                  .has_denial = omnisandbox_error_denial(error) != nullptr};
  omnisandbox_error_free(error);
  return failure;
}

#define ASSERT_DONE(call)                                         \
  do {                                                            \
    const Failure ended = taken(call);                            \
    ASSERT_FALSE(ended.failed) << #call << ": " << ended.message; \
  } while (false)

}  // namespace omnisandbox::c_api::test
