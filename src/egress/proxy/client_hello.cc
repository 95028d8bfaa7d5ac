#include "egress/proxy/client_hello.h"

#include <algorithm>
#include <cstdint>

#include "egress/proxy/handshake_message.h"

namespace omnisandbox::egress {
namespace {

using tls::Reader;

constexpr std::uint32_t server_name_extension = 0;
constexpr std::uint32_t encrypted_server_name_extension = 0xffce;
constexpr std::uint32_t encrypted_client_hello_extension = 0xfe0d;

ClientHello refused(std::string_view why) {
  return ClientHello{.stage = ClientHello::Stage::refused, .refusal = why};
}

// The one name of a server_name extension; empty where it is malformed.
std::string read_server_name(std::string_view extension) {
  Reader reader(extension);
  Reader list(reader.vector(2));
  constexpr std::uint32_t host_name = 0;
  const bool is_host_name = list.number(1) == host_name;
  std::string name(list.vector(2));
  if (!reader.is_good() || !reader.is_at_end() || !list.is_good() || !list.is_at_end() ||
      !is_host_name) {
    return {};
  }
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  if (!is_plain) return {};
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return name;
}

ClientHello read_body(std::string_view body) {
  constexpr std::string_view malformed = "its ClientHello is malformed";
  Reader reader(body);
  reader.take(2 + 32);                    // legacy_version, random
  const auto session = reader.vector(1);  // legacy_session_id
  const auto suites = reader.vector(2);   // cipher_suites
  const auto compression_methods = reader.vector(1);
  if (!reader.is_good() || session.size() > 32 || suites.size() < 2 || compression_methods.empty())
    return refused(malformed);
  ClientHello hello{.stage = ClientHello::Stage::complete};
  if (reader.is_at_end()) return hello;
  Reader extensions(reader.vector(2));
  if (!reader.is_good() || !reader.is_at_end()) return refused(malformed);
  while (!extensions.is_at_end()) {
    const std::uint32_t type = extensions.number(2);
    const std::string_view data = extensions.vector(2);
    if (!extensions.is_good()) return refused(malformed);
    if (type == encrypted_client_hello_extension || type == encrypted_server_name_extension) {
      return refused(
          "its ClientHello is encrypted (ECH), so that nobody can judge which host it is for");
    }
    if (type != server_name_extension) continue;
    if (!hello.server_name.empty()) return refused("its ClientHello names two servers");
    hello.server_name = read_server_name(data);
    if (hello.server_name.empty()) return refused(malformed);
  }
  return hello;
}

}  // namespace

ClientHello read_client_hello(std::string_view bytes) {
  const tls::Message message = tls::read_message(bytes, tls::client_hello_message);
  switch (message.stage) {
    case tls::Stage::incomplete:
      return {};
    case tls::Stage::refused:
      return refused(message.refusal);
    case tls::Stage::complete:
      break;
  }
  if (!message.ends_its_record)
    return refused("something follows its ClientHello in the same record");
  ClientHello hello = read_body(message.body);
  hello.size_bytes = message.size_bytes;
  return hello;
}

}  // namespace omnisandbox::egress
