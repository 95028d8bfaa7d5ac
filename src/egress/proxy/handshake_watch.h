#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omnisandbox::egress {

/// Follows the part of a TLS handshake that is not encrypted, so that every ClientHello which a
/// server could obey is judged: the first, and the one that answers a HelloRetryRequest (RFC 8446
/// section 4.1.4). A ClientHello anywhere else is refused, and so is whatever is not TLS. Until it
/// is over, bytes go on in whole records only, after they were looked at.
///
/// Known gap: what comes after is encrypted, a renegotiation of TLS 1.2 too.
class HandshakeWatch {
 public:
  struct Progress {
    std::size_t passed_bytes = 0;  ///< of the front; these may go on
    /// A ClientHello is the last of those that passed; it must not go on before the name that it
    /// asks for (empty: none) is judged. The rest has not been looked at.
    std::optional<std::string> asks_for{};
    std::string_view refusal{};  ///< not empty: nothing more may go either way
  };

  /// `bytes`: all that the client has sent and that has not gone on yet.
  Progress client_sent(std::string_view bytes);
  /// The same for the server, which is not listened to before the first ClientHello went on.
  Progress server_sent(std::string_view bytes);

  /// What comes from now on is encrypted; nothing needs to be looked at any more.
  bool is_over() const { return phase_ == Phase::over; }

 private:
  enum class Phase : std::uint8_t {
    first_hello,   ///< the client must begin
    server_turn,   ///< the server has not answered the latest ClientHello
    second_hello,  ///< the server has asked for another one
    answered,      ///< the server has chosen; the client may finish in plain messages (TLS 1.2)
    over,
  };
  bool passes_in_the_clear(std::uint8_t type, std::string_view content, std::string_view& refusal);
  bool has_client_hello(std::string_view content);

  Phase phase_ = Phase::first_hello;
  bool was_asked_again_ = false;
  // Of the client's message that the next record continues:
  std::string message_header_{};
  std::size_t message_rest_bytes_ = 0;
};

}  // namespace omnisandbox::egress
