#include "linux/tcp_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {

Expected<Fd> listen_tcp(const std::string& address, std::uint16_t port) {
  const std::string place = fmt::format("{} port {}", address, port);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const sockaddr* name = nullptr;
  socklen_t size = 0;
  if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    name = reinterpret_cast<const sockaddr*>(&v4);
    size = sizeof v4;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    name = reinterpret_cast<const sockaddr*>(&v6);
    size = sizeof v6;
  } else {
    return base::make_error(ErrorKind::invalid_argument, "\"{}\" is no IP address",
                            base::printable(address));
  }
  Fd listener(::socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!listener.is_open() ||
      ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener.get(), name, size) != 0 || ::listen(listener.get(), SOMAXCONN) != 0) {
    return Error::from_errno(errno, "listen at", place);
  }
  return listener;
}

Expected<std::optional<Fd>> accept_tcp(int listener) {
  Fd connection(retry_interrupted(
      [listener] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }));
  if (connection.is_open()) {
    const int on = 1;
    // Answers are small; a refusal of the option costs time and nothing else.
    static_cast<void>(::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return std::optional(std::move(connection));
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EINVAL:
    case EBADF:
      return Error::from_errno(errno, "accept4", "");
    default:
      // accept(2): errors of the network belong to the one connection, which has gone.
      return std::optional<Fd>();
  }
}

}  // namespace omnisandbox::linux_
