#include "egress/proxy/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "egress/proxy/limits.h"

namespace omnisandbox::egress {
namespace {

constexpr std::uint8_t handshake_record = 22;
constexpr std::uint8_t client_hello_message = 1;
constexpr std::size_t record_header_bytes = 5;
constexpr std::size_t message_header_bytes = 4;
constexpr std::size_t max_record_bytes = 16 * 1024;
// A client that splits its hello into more records than this tries to hide something.
constexpr int max_records = 16;

constexpr std::uint32_t server_name_extension = 0;
constexpr std::uint32_t encrypted_server_name_extension = 0xffce;
constexpr std::uint32_t encrypted_client_hello_extension = 0xfe0d;

ClientHello refused(std::string_view why) {
  return ClientHello{.stage = ClientHello::Stage::refused, .refusal = why};
}

// Takes pieces off the front of bytes that must hold them all; once something is missing, stays
// empty and bad.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char byte : take(size)) value = (value << 8) | static_cast<std::uint8_t>(byte);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // A piece with its length, of `length_size` bytes, in front.
  std::string_view vector(std::size_t length_size) { return take(number(length_size)); }

  bool is_good() const { return is_good_; }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

struct Message {
  ClientHello::Stage stage = ClientHello::Stage::incomplete;
  std::string_view refusal{};
  std::string body{};
};

Message refused_message(std::string_view why) {
  return {.stage = ClientHello::Stage::refused, .refusal = why};
}

// The handshake message, put together from its records.
Message read_message(std::string_view bytes) {
  std::string message;
  for (int records = 0;; ++records) {
    if (bytes.empty()) return {};
    if (static_cast<std::uint8_t>(bytes[0]) != handshake_record)
      return refused_message("what comes through it is not TLS");
    if (bytes.size() >= 2 && bytes[1] != 3)
      return refused_message("what comes through it is not TLS");
    if (records == max_records)
      return refused_message("its ClientHello is split into too many records");
    if (bytes.size() < record_header_bytes) return {};
    Reader header(bytes.substr(3, 2));
    const std::size_t length = header.number(2);
    if (length == 0 || length > max_record_bytes)
      return refused_message("its first record has an impossible length");
    bytes.remove_prefix(record_header_bytes);
    message += bytes.substr(0, length);
    const bool is_whole_record = bytes.size() >= length;
    if (!message.empty() && message[0] != static_cast<char>(client_hello_message))
      return refused_message("it does not begin with a ClientHello");
    if (message.size() >= message_header_bytes) {
      const std::size_t size =
          message_header_bytes + Reader(std::string_view(message).substr(1, 3)).number(3);
      if (size > max_client_hello_bytes) return refused_message("its ClientHello is too long");
      if (message.size() > size)
        return refused_message("something follows its ClientHello in the same record");
      if (message.size() == size && is_whole_record)
        return {.stage = ClientHello::Stage::complete,
                .body = message.substr(message_header_bytes)};
    }
    if (!is_whole_record) return {};
    bytes.remove_prefix(length);
  }
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
  const Message message = read_message(bytes);
  switch (message.stage) {
    case ClientHello::Stage::incomplete:
      return {};
    case ClientHello::Stage::refused:
      return refused(message.refusal);
    case ClientHello::Stage::complete:
      break;
  }
  return read_body(message.body);
}

}  // namespace omnisandbox::egress
