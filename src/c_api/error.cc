#include "c_api/call.h"

namespace omnisandbox::c_api {
namespace {

static_assert(OMNISANDBOX_ERROR_TIMEOUT == static_cast<int>(ErrorKind::timeout) &&
              OMNISANDBOX_ERROR_DENIED == static_cast<int>(ErrorKind::denied) &&
              OMNISANDBOX_ERROR_NOT_FOUND == static_cast<int>(ErrorKind::not_found) &&
              OMNISANDBOX_ERROR_CANCELLED == static_cast<int>(ErrorKind::cancelled) &&
              OMNISANDBOX_ERROR_INTERNAL == static_cast<int>(ErrorKind::internal));
static_assert(OMNISANDBOX_FS_READ == static_cast<int>(Capability::fs_read) &&
              OMNISANDBOX_EXEC_RUN == static_cast<int>(Capability::exec_run));

// Made when the library is loaded: there may be no memory when it is needed.
omnisandbox_error no_memory(Error{
    .kind = ErrorKind::unavailable, .message = "the process is out of memory", .resource = {}});

}  // namespace

omnisandbox_error_t* out_of_memory() noexcept { return &no_memory; }

omnisandbox_error_t* error_handle(Error error) {
  return std::make_unique<omnisandbox_error>(std::move(error)).release();
}

Expected<void> require(std::initializer_list<Required> arguments) {
  for (const Required& argument : arguments) {
    if (argument.pointer == nullptr) {
      return base::make_error(ErrorKind::invalid_argument, "the argument `{}` is NULL",
                              argument.name);
    }
  }
  return {};
}

Expected<std::string_view> view(omnisandbox_bytes_t bytes, std::string_view name) {
  if (bytes.size == 0) {
    return std::string_view();
  }
  TRY(require({{name, bytes.data}}));
  return std::string_view(bytes.data, bytes.size);
}

}  // namespace omnisandbox::c_api

using namespace omnisandbox;
using c_api::bytes_of;

void omnisandbox_error_free(omnisandbox_error_t* error) {
  if (error != c_api::out_of_memory()) {
    c_api::free_handle(error);
  }
}

omnisandbox_error_kind_t omnisandbox_error_kind(const omnisandbox_error_t* error) {
  return static_cast<omnisandbox_error_kind_t>(error->error.kind);
}

const char* omnisandbox_error_kind_name(omnisandbox_error_kind_t kind) {
  return to_string(static_cast<ErrorKind>(kind)).data();  // of literals
}

omnisandbox_bytes_t omnisandbox_error_message(const omnisandbox_error_t* error) {
  return bytes_of(error->error.message);
}

omnisandbox_bytes_t omnisandbox_error_resource(const omnisandbox_error_t* error) {
  return bytes_of(error->error.resource);
}

int omnisandbox_error_errno(const omnisandbox_error_t* error) { return error->error.system_errno; }

const omnisandbox_denial_t* omnisandbox_error_denial(const omnisandbox_error_t* error) {
  return error->denial ? &*error->denial : nullptr;
}

const char* omnisandbox_capability_name(omnisandbox_capability_t capability) {
  return to_string(static_cast<Capability>(capability)).data();
}

omnisandbox_capability_t omnisandbox_denial_capability(const omnisandbox_denial_t* denial) {
  return static_cast<omnisandbox_capability_t>(denial->denial.capability);
}

omnisandbox_bytes_t omnisandbox_denial_resource(const omnisandbox_denial_t* denial) {
  return bytes_of(denial->denial.resource);
}

omnisandbox_bytes_t omnisandbox_denial_rule(const omnisandbox_denial_t* denial) {
  return bytes_of(denial->denial.rule);
}

omnisandbox_bytes_t omnisandbox_denial_reason(const omnisandbox_denial_t* denial) {
  return bytes_of(denial->denial.reason);
}

omnisandbox_bytes_t omnisandbox_denial_remedy(const omnisandbox_denial_t* denial) {
  return bytes_of(denial->denial.remedy);
}

void omnisandbox_buffer_free(omnisandbox_buffer_t* buffer) { c_api::free_handle(buffer); }

omnisandbox_bytes_t omnisandbox_buffer_bytes(const omnisandbox_buffer_t* buffer) {
  return bytes_of(buffer->bytes);
}
