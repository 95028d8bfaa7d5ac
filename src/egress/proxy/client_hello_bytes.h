#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The beginnings of TLS for tests, as bytes.
namespace omnisandbox::egress::test {

inline std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>((value >> shift) & 0xff);
  return text;
}

inline std::string with_length(std::string_view content, int length_bytes) {
  return number(content.size(), length_bytes) + std::string(content);
}

inline std::string extension(unsigned type, std::string_view content) {
  return number(type, 2) + with_length(content, 2);
}

inline std::string server_name(std::string_view name) {
  return extension(0, with_length(std::string(1, '\0') + with_length(name, 2), 2));
}

/// The handshake message, without records.
inline std::string hello_message(std::string_view extensions) {
  const std::string body = std::string("\x03\x03", 2) + std::string(32, 'r') +
                           with_length(std::string(32, 's'), 1) +
                           with_length(std::string("\x13\x01\x13\x02", 4), 2) +
                           with_length(std::string(1, '\0'), 1) + with_length(extensions, 2);
  return std::string(1, '\x01') + with_length(body, 3);
}

inline std::string record(std::string_view content, char type = 22) {
  return std::string(1, type) + std::string("\x03\x01", 2) + with_length(content, 2);
}

inline std::string hello_for(std::string_view name) {
  return record(hello_message(extension(43, std::string("\x02\x03\x04", 3)) + server_name(name) +
                              extension(16, std::string("\x00\x03\x02h2", 5))));
}

inline std::string hello_without_name() {
  return record(hello_message(extension(43, std::string("\x02\x03\x04", 3))));
}

/// A ServerHello with 32 bytes of `random`, in a record of its own.
inline std::string server_hello(std::string_view random) {
  const std::string body = std::string("\x03\x03", 2) + std::string(random) +
                           with_length(std::string(32, 's'), 1) + std::string("\x13\x01\x00", 3) +
                           with_length(extension(43, std::string("\x03\x04", 2)), 2);
  return record(std::string(1, '\x02') + with_length(body, 3));
}
inline std::string server_hello() { return server_hello(std::string(32, 'R')); }

/// SHA-256 of "HelloRetryRequest" as its random value (RFC 8446 section 4.1.3).
inline std::string hello_retry_request() {
  return server_hello(
      std::string_view("\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91"
                       "\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C",
                       32));
}

inline std::string change_cipher_spec() { return record("\x01", 20); }
inline std::string encrypted(std::string_view content) { return record(content, 23); }

}  // namespace omnisandbox::egress::test
