#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The client's side of a SOCKS 5 handshake (RFC 1928).
namespace omnisandbox::egress {

inline constexpr std::uint8_t socks_version = 5;

enum class SocksStage : std::uint8_t { incomplete, complete, malformed };

struct SocksGreeting {
  SocksStage stage = SocksStage::incomplete;
  std::size_t consumed_bytes = 0;         ///< of `complete`
  bool offers_no_authentication = false;  ///< the only method that is taken
};
SocksGreeting read_socks_greeting(std::string_view bytes);

/// REP codes of a reply.
enum class SocksReply : std::uint8_t {
  succeeded = 0,
  failure = 1,
  not_allowed = 2,
  host_unreachable = 4,
  command_not_supported = 7,
  address_type_not_supported = 8,
};

struct SocksRequest {
  SocksStage stage = SocksStage::incomplete;
  std::size_t consumed_bytes = 0;  ///< of `complete`
  /// Other than `succeeded`: what the request is answered with, whatever its host.
  SocksReply answer = SocksReply::succeeded;
  std::string host{};  ///< as it stands in a URL; a name is whatever bytes the client sent
  std::uint16_t port = 0;
};
SocksRequest read_socks_request(std::string_view bytes);

/// The bytes of a reply, with an empty bound address.
std::string socks_reply(SocksReply reply);
/// The bytes that answer a greeting: no authentication, or none of the client's methods.
std::string socks_greeting_answer(const SocksGreeting& greeting);

}  // namespace omnisandbox::egress
