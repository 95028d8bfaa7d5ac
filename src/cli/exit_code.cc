#include "cli/exit_code.h"

namespace omnisandbox::cli {
namespace {

constexpr int max_process_code = 255;

int code_of_failure(ErrorKind kind, Activity activity) {
  switch (kind) {
    case ErrorKind::unavailable:
      return exit_unavailable;
    case ErrorKind::not_found:
      return activity == Activity::run ? exit_not_found : exit_call_failed;
    case ErrorKind::invalid_argument:
      // As a FIFO where a file is expected: the call was allowed, and failed.
      return activity == Activity::run ? exit_unavailable : exit_call_failed;
    default:
      return activity == Activity::run ? exit_unavailable : exit_call_failed;
  }
}

}  // namespace

int exit_code_of(const Result& result, Activity activity) {
  switch (result.status) {
    case Status::ok:
      return exit_ok;
    case Status::exited:
      // A code of 256 would be seen as 0, that is as success.
      return result.exit_code < 0 || result.exit_code > max_process_code ? max_process_code
                                                                         : result.exit_code;
    case Status::timeout:
    case Status::fuel_exhausted:
      return exit_timeout;
    case Status::memory_limit:
    case Status::process_limit:
      return exit_memory_limit;
    case Status::trap:
      return exit_trap;
    case Status::denied:
      return exit_denied;
    case Status::cancelled:
      return exit_cancelled;
    case Status::failed:
      // A sandbox that looked for the command itself says what a shell would: 127 or 126.
      if (activity == Activity::run &&
          (result.exit_code == exit_denied || result.exit_code == exit_not_found)) {
        return result.exit_code;
      }
      return code_of_failure(result.error ? result.error->kind : ErrorKind::internal, activity);
  }
  return exit_unavailable;
}

}  // namespace omnisandbox::cli
