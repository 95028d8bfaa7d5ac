#include "wasm/wasi/errors.h"

#include <cerrno>
#include <utility>

namespace omnisandbox::wasm::wasi {
namespace {

Errno errno_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::denied:
      return Errno::perm;
    case ErrorKind::invalid_argument:
      return Errno::inval;
    case ErrorKind::not_found:
      return Errno::noent;
    case ErrorKind::already_exists:
      return Errno::exist;
    case ErrorKind::too_large:
      return Errno::fbig;
    case ErrorKind::limit:
      return Errno::dquot;
    case ErrorKind::memory:
      return Errno::nomem;
    case ErrorKind::timeout:
      return Errno::timedout;
    case ErrorKind::cancelled:
      return Errno::canceled;
    case ErrorKind::unavailable:
      return Errno::notsup;
    case ErrorKind::fuel:
    case ErrorKind::output:
    case ErrorKind::trap:
    case ErrorKind::io:
    case ErrorKind::internal:
      break;
  }
  return Errno::io;
}

}  // namespace

Errno errno_of(int host_errno) {
  switch (host_errno) {
    case 0:
      return Errno::success;
    case E2BIG:
      return Errno::too_big;
    case EACCES:
      return Errno::acces;
    case EAGAIN:
      return Errno::again;
    case EBADF:
      return Errno::badf;
    case EBUSY:
      return Errno::busy;
    case EDQUOT:
      return Errno::dquot;
    case EEXIST:
      return Errno::exist;
    case EFAULT:
      return Errno::fault;
    case EFBIG:
      return Errno::fbig;
    case EILSEQ:
      return Errno::ilseq;
    case EINTR:
      return Errno::intr;
    case EINVAL:
      return Errno::inval;
    case EISDIR:
      return Errno::isdir;
    case ELOOP:
      return Errno::loop;
    case EMFILE:
      return Errno::mfile;
    case EMLINK:
      return Errno::mlink;
    case ENAMETOOLONG:
      return Errno::nametoolong;
    case ENFILE:
      return Errno::nfile;
    case ENODEV:
      return Errno::nodev;
    case ENOENT:
      return Errno::noent;
    case ENOLCK:
      return Errno::nolck;
    case ENOMEM:
      return Errno::nomem;
    case ENOSPC:
      return Errno::nospc;
    case ENOSYS:
      return Errno::nosys;
    case ENOTDIR:
      return Errno::notdir;
    case ENOTEMPTY:
      return Errno::notempty;
    case ENOTTY:
      return Errno::notty;
    case ENXIO:
      return Errno::nxio;
    case EOPNOTSUPP:
      return Errno::notsup;
    case EOVERFLOW:
      return Errno::overflow;
    case EPERM:
      return Errno::perm;
    case EPIPE:
      return Errno::pipe;
    case EROFS:
      return Errno::rofs;
    case ESPIPE:
      return Errno::spipe;
    case ESTALE:
      return Errno::stale;
    case ETIMEDOUT:
      return Errno::timedout;
    case ETXTBSY:
      return Errno::txtbsy;
    case EXDEV:
      return Errno::xdev;
    default:
      return Errno::io;
  }
}

Errno errno_of(const Error& error) {
  if (error.kind != ErrorKind::denied && error.system_errno != 0) {
    return errno_of(error.system_errno);
  }
  return errno_of(error.kind);
}

Errno fail(GuestCall& call, std::string_view operation, Error error) {
  if (error.kind == ErrorKind::timeout) {
    call.end_guest(GuestCall::End::timeout);
  } else if (error.kind == ErrorKind::cancelled) {
    call.end_guest(GuestCall::End::cancelled);
  }
  return errno_of(call.run.context.pass_on(operation, std::move(error)));
}

bool may_continue(GuestCall& call) {
  const auto in_time = call.run.context.check_time();
  if (in_time) {
    return true;
  }
  call.end_guest(in_time.error().kind == ErrorKind::cancelled ? GuestCall::End::cancelled
                                                              : GuestCall::End::timeout);
  return false;
}

}  // namespace omnisandbox::wasm::wasi
