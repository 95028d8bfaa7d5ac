#include "linux/file_data.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

constexpr auto max_offset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

Expected<std::size_t> transferred(ssize_t result, const char* operation) {
  if (result < 0) {
    return Error::from_errno(errno, operation, "");
  }
  return static_cast<std::size_t>(result);
}

Expected<void> done(int result, const char* operation) {
  if (result < 0) {
    return Error::from_errno(errno, operation, "");
  }
  return {};
}

}  // namespace

Expected<std::size_t> read_vectors_at(const Fd& file, std::span<const iovec> vectors,
                                      std::uint64_t offset) {
  if (offset > max_offset) {
    return Error::from_errno(EINVAL, "preadv", "");
  }
  return transferred(retry_interrupted([&] {
                       return ::preadv(file.get(), vectors.data(), static_cast<int>(vectors.size()),
                                       static_cast<off_t>(offset));
                     }),
                     "preadv");
}

Expected<std::size_t> write_vectors_at(const Fd& file, std::span<const iovec> vectors,
                                       std::uint64_t offset) {
  if (offset > max_offset) {
    return Error::from_errno(EINVAL, "pwritev", "");
  }
  return transferred(retry_interrupted([&] {
                       return ::pwritev(file.get(), vectors.data(),
                                        static_cast<int>(vectors.size()),
                                        static_cast<off_t>(offset));
                     }),
                     "pwritev");
}

Expected<std::size_t> write_vectors(const Fd& file, std::span<const iovec> vectors) {
  return transferred(
      retry_interrupted(
          [&] { return ::writev(file.get(), vectors.data(), static_cast<int>(vectors.size())); }),
      "writev");
}

Expected<std::uint64_t> position_of(const Fd& file) {
  const off_t position = ::lseek(file.get(), 0, SEEK_CUR);
  if (position < 0) {
    return Error::from_errno(errno, "lseek", "");
  }
  return static_cast<std::uint64_t>(position);
}

Expected<void> set_size(const Fd& file, std::uint64_t size_bytes) {
  if (size_bytes > max_offset) {
    return Error::from_errno(EINVAL, "ftruncate", "");
  }
  return done(
      retry_interrupted([&] { return ::ftruncate(file.get(), static_cast<off_t>(size_bytes)); }),
      "ftruncate");
}

Expected<void> allocate(const Fd& file, std::uint64_t offset, std::uint64_t length) {
  if (offset > max_offset || length > max_offset - offset) {
    return Error::from_errno(EINVAL, "fallocate", "");
  }
  return done(retry_interrupted([&] {
                return ::fallocate(file.get(), 0, static_cast<off_t>(offset),
                                   static_cast<off_t>(length));
              }),
              "fallocate");
}

Expected<void> sync_data(const Fd& file) {
  return done(retry_interrupted([&] { return ::fdatasync(file.get()); }), "fdatasync");
}

Expected<void> sync_all(const Fd& file) {
  return done(retry_interrupted([&] { return ::fsync(file.get()); }), "fsync");
}

Expected<void> set_write_place(const Fd& file, WritePlace place) {
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0) {
    return Error::from_errno(errno, "fcntl", "");
  }
  const int wanted = place == WritePlace::at_end ? flags | O_APPEND : flags & ~O_APPEND;
  return done(::fcntl(file.get(), F_SETFL, wanted), "fcntl");
}

}  // namespace omnisandbox::linux_
