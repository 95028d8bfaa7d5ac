#include "egress/proxy/socks.h"

#include <algorithm>
#include <array>

#include "policy/host/ip_address.h"

namespace omnisandbox::egress {
namespace {

constexpr std::uint8_t no_authentication = 0;
constexpr std::uint8_t no_acceptable_method = 0xff;
constexpr std::uint8_t connect_command = 1;
constexpr std::size_t request_head_bytes = 4;
constexpr std::size_t port_bytes = 2;

enum AddressType : std::uint8_t { v4 = 1, domain = 3, v6 = 4 };

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

std::string host_of(std::uint8_t type, std::string_view address) {
  if (type == domain) return std::string(address);
  if (type == v4) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < address.size(); ++i) bits = (bits << 8) | byte_at(address, i);
    return policy::IpAddress::from_v4(bits).to_string();
  }
  std::array<std::uint8_t, 16> bytes{};
  std::transform(address.begin(), address.end(), bytes.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  const policy::IpAddress ip = policy::IpAddress::from_v6(bytes);
  return ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
}

}  // namespace

SocksGreeting read_socks_greeting(std::string_view bytes) {
  SocksGreeting greeting;
  if (bytes.empty()) return greeting;
  if (byte_at(bytes, 0) != socks_version) {
    greeting.stage = SocksStage::malformed;
    return greeting;
  }
  if (bytes.size() < 2) return greeting;
  const std::size_t size = std::size_t{2} + byte_at(bytes, 1);
  if (bytes.size() < size) return greeting;
  greeting.stage = SocksStage::complete;
  greeting.consumed_bytes = size;
  greeting.offers_no_authentication =
      bytes.substr(2, size - 2).find(static_cast<char>(no_authentication)) !=
      std::string_view::npos;
  return greeting;
}

SocksRequest read_socks_request(std::string_view bytes) {
  SocksRequest request;
  if (bytes.empty()) return request;
  if (byte_at(bytes, 0) != socks_version) {
    request.stage = SocksStage::malformed;
    return request;
  }
  if (bytes.size() <= request_head_bytes) return request;
  const std::uint8_t type = byte_at(bytes, 3);
  std::size_t address_at = request_head_bytes;
  std::size_t address_bytes = type == v4 ? 4 : 16;
  if (type == domain) {
    address_bytes = byte_at(bytes, address_at);
    ++address_at;
  }
  const bool is_connect = byte_at(bytes, 1) == connect_command;
  const bool is_known_type = type == v4 || type == domain || type == v6;
  if (!is_connect || !is_known_type || address_bytes == 0) {
    // Its length is unknown or does not matter: the connection ends with the answer.
    request.stage = SocksStage::complete;
    request.consumed_bytes = bytes.size();
    request.answer =
        !is_connect ? SocksReply::command_not_supported : SocksReply::address_type_not_supported;
    return request;
  }
  const std::size_t size = address_at + address_bytes + port_bytes;
  if (bytes.size() < size) return request;
  request.stage = SocksStage::complete;
  request.consumed_bytes = size;
  request.host = host_of(type, bytes.substr(address_at, address_bytes));
  request.port =
      static_cast<std::uint16_t>(byte_at(bytes, size - 2) << 8 | byte_at(bytes, size - 1));
  return request;
}

std::string socks_reply(SocksReply reply) {
  return {static_cast<char>(socks_version), static_cast<char>(reply), 0, v4, 0, 0, 0, 0, 0, 0};
}

std::string socks_greeting_answer(const SocksGreeting& greeting) {
  return {static_cast<char>(socks_version),
          static_cast<char>(greeting.offers_no_authentication ? no_authentication
                                                              : no_acceptable_method)};
}

}  // namespace omnisandbox::egress
