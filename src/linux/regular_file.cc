#include "linux/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::linux_ {

Expected<Fd> open_regular_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
  auto opened = open_at2(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0);
  if (!opened) {
    Error error = std::move(opened).error();
    error.resource = path;
    if (error.kind == ErrorKind::not_found) {
      error.message = fmt::format("no such file: {}", base::printable(path));
    }
    return error;
  }
  const struct stat status = TRY(stat_of(*opened));
  if (!S_ISREG(status.st_mode)) {
    return base::make_error(
        ErrorKind::invalid_argument, "{} is {}, not a regular file", base::printable(path),
        S_ISDIR(status.st_mode) ? "a directory" : "a device, a pipe or a socket");
  }
  return opened;
}

}  // namespace omnisandbox::linux_
