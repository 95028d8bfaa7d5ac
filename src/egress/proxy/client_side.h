#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>

namespace omnisandbox::egress {

using Socket = boost::asio::ip::tcp::socket;

/// The client's end of a connection: shared by what handles it at the moment and by the operations
/// under way on it.
struct ClientSide {
  explicit ClientSide(Socket its_socket) : socket(std::move(its_socket)) {}

  /// The connection is closed unless this is called again before `time` is over.
  void allow(std::chrono::seconds time) { expires_at = std::chrono::steady_clock::now() + time; }

  Socket socket;
  boost::beast::flat_buffer buffer;  ///< received and not used yet
  std::chrono::steady_clock::time_point expires_at{};
};

/// Closes with a reset: the client is not to take what it got for a whole answer.
inline void reset_connection(Socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace omnisandbox::egress
