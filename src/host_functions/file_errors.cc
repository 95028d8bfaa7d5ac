#include "host_functions/file_errors.h"

#include <cerrno>
#include <string>

#include "base/error.h"

namespace omnisandbox::host_functions {

Error file_error(ErrorKind kind, int system_errno, std::string_view path, std::string_view why) {
  Error error = base::make_error(kind, "{}: {}", base::printable(path), why);
  error.resource = path;
  error.system_errno = system_errno;
  return error;
}

Error file_error(std::string_view doing, std::string_view path, const Error& cause) {
  std::string_view advice;
  switch (cause.system_errno) {
    case ENOSPC:
    case EDQUOT:
      advice = "; free some space and try again";
      break;
    case ENOTEMPTY:
      advice = "; delete what is in it first";
      break;
    case EACCES:
    case EPERM:
      advice = "; the policy allows it, but the system does not let this user do it";
      break;
    default:
      break;
  }
  Error error = base::make_error(cause.kind, "{} {}: {}{}", doing, base::printable(path),
                                 cause.message, advice);
  error.resource = path;
  error.system_errno = cause.system_errno;
  return error;
}

}  // namespace omnisandbox::host_functions
