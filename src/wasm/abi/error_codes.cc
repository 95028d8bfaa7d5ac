#include "wasm/abi/error_codes.h"

#include "wasm/abi/limits.h"

namespace omnisandbox::wasm::abi {

ErrorCode code_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::denied:
      return ErrorCode::denied;
    case ErrorKind::not_found:
      return ErrorCode::not_found;
    case ErrorKind::too_large:
      return ErrorCode::too_large;
    case ErrorKind::timeout:
      return ErrorCode::timeout;
    case ErrorKind::invalid_argument:
      return ErrorCode::invalid;
    case ErrorKind::io:
      return ErrorCode::io;
    case ErrorKind::limit:
    case ErrorKind::memory:
    case ErrorKind::fuel:
    case ErrorKind::output:
      return ErrorCode::limit;
    case ErrorKind::unavailable:
      return ErrorCode::unavailable;
    case ErrorKind::already_exists:
      return ErrorCode::already_exists;
    case ErrorKind::cancelled:
      return ErrorCode::cancelled;
    case ErrorKind::trap:
    case ErrorKind::internal:
      return ErrorCode::internal;
  }
  return ErrorCode::internal;
}

std::int32_t fail(GuestCall& call, const Error& error) {
  if (error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled) {
    if (const auto time = call.run.context.check_time(); !time) {
      call.end_guest(time.error().kind == ErrorKind::timeout ? GuestCall::End::timeout
                                                             : GuestCall::End::cancelled);
    }
  }
  call.run.last_error = error.message.substr(0, max_error_bytes);
  return static_cast<std::int32_t>(code_of(error.kind));
}

}  // namespace omnisandbox::wasm::abi
