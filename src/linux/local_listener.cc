#include "linux/local_listener.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/channels.h"
#include "linux/message_socket.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {

Expected<LocalListener> LocalListener::create() {
  std::string folder = "/tmp/omnisandbox-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return Error::from_errno(errno, "mkdtemp", folder);
  }
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // From here on the destructor cleans up.
  LocalListener listener(folder, folder + "/socket", std::move(socket));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, listener.path_.c_str(), listener.path_.size() + 1);
  if (!listener.socket_.is_open() ||
      ::bind(listener.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
          0 ||
      ::chmod(listener.path_.c_str(), S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH) !=
          0 ||
      ::listen(listener.socket_.get(), 1) != 0) {
    return Error::from_errno(errno, "bind", listener.path_);
  }
  return listener;
}

LocalListener::LocalListener(LocalListener&& other) noexcept
    : folder_(std::exchange(other.folder_, {})),
      path_(std::exchange(other.path_, {})),
      socket_(std::move(other.socket_)) {}

LocalListener::~LocalListener() {
  if (!folder_.empty()) {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
}

Expected<Fd> LocalListener::receive_descriptor(std::chrono::steady_clock::time_point until) const {
  if (!TRY(wait_until_ready(socket_, Readiness::to_read, until))) {
    return base::make_error(ErrorKind::timeout, "nobody connected in time");
  }
  const Fd client(retry_interrupted(
      [this] { return ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }));
  if (!client.is_open()) {
    return Error::from_errno(errno, "accept4", path_);
  }
  if (!TRY(wait_until_ready(client, Readiness::to_read, until))) {
    return base::make_error(ErrorKind::timeout, "whoever connected sent nothing in time");
  }
  std::array<char, 1> byte;
  ReceivedMessage message = TRY(receive_with_descriptor(client, byte));
  if (!message.descriptor.is_open()) {
    return base::make_error(ErrorKind::io, "whoever connected sent no descriptor");
  }
  return std::move(message.descriptor);
}

}  // namespace omnisandbox::linux_
