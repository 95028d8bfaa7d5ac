#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace omnisandbox::egress {

/// What the first bytes of a tunnel are.
struct ClientHello {
  enum class Stage {
    incomplete,  ///< as far as it goes, the beginning of a ClientHello
    complete,    ///< a whole one
    refused,     ///< not TLS, malformed, too long, or with its real name encrypted
  };
  Stage stage = Stage::incomplete;
  /// Of `complete`: the name that the client asks for, in lower case; empty: it names none.
  std::string server_name{};
  std::size_t size_bytes = 0;  ///< of `complete`: with the headers of its records
  /// Of `refused`: why, as the end of a sentence.
  std::string_view refusal{};
};

/// Reads the ClientHello at the front of `bytes` (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section
/// 3), also where it is spread over several records. What follows it is not looked at, except that
/// its last record may hold nothing else. `refused`: beyond max_client_hello_bytes; two names; an
/// encrypted ClientHello (ECH, ESNI), whose real name nobody can judge.
ClientHello read_client_hello(std::string_view bytes);

}  // namespace omnisandbox::egress
