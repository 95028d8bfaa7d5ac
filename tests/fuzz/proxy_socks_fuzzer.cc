// A SOCKS handshake: nothing is complete before its last byte, and whatever name it carries is
// judged as what it is; only the one allowed host is ever granted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "egress/proxy/request_judge.h"
#include "egress/proxy/socks.h"
#include "omnisandbox/policy.h"

namespace {

using namespace omnisandbox::egress;

void require(bool condition) {
  if (!condition) std::abort();
}

const omnisandbox::Policy& policy() {
  static const auto compiled =
      omnisandbox::Policy::compile({.capabilities = {omnisandbox::Capability::net_http},
                                    .allowed_hosts = {"api.example.com", "192.0.2.7:8443"}});
  require(compiled.has_value());
  return *compiled;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const SocksGreeting greeting = read_socks_greeting(bytes);
  if (greeting.stage == SocksStage::complete) {
    require(greeting.consumed_bytes <= bytes.size());
    require(read_socks_greeting(bytes.substr(0, greeting.consumed_bytes - 1)).stage ==
            SocksStage::incomplete);
    bytes.remove_prefix(greeting.consumed_bytes);
  }
  const SocksRequest request = read_socks_request(bytes);
  if (request.stage != SocksStage::complete) return 0;
  require(request.consumed_bytes <= bytes.size());
  if (request.answer != SocksReply::succeeded) return 0;
  require(read_socks_request(bytes.substr(0, request.consumed_bytes - 1)).stage ==
          SocksStage::incomplete);
  const auto judged =
      judge_tunnel(policy().compiled(), request.host + ":" + std::to_string(request.port));
  if (!judged) return 0;
  require(judged->target.port == request.port);
  require((judged->target.host == "api.example.com" && request.port == 443) ||
          (judged->target.host == "192.0.2.7" && request.port == 8443));
  return 0;
}
