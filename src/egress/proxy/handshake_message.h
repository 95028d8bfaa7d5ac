#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The unencrypted beginning of TLS (RFC 8446 sections 4 and 5.1), as far as a proxy may look.
namespace omnisandbox::egress::tls {

enum RecordType : std::uint8_t {
  change_cipher_spec_record = 20,
  alert_record = 21,
  handshake_record = 22,
  application_data_record = 23,
};
enum MessageType : std::uint8_t { client_hello_message = 1, server_hello_message = 2 };

inline constexpr std::size_t record_header_bytes = 5;
inline constexpr std::size_t message_header_bytes = 4;
// Of a record that is not encrypted.
inline constexpr std::size_t max_plain_record_bytes = 16 * 1024;
// Encryption adds up to 2 KiB (RFC 5246 section 6.2.3).
inline constexpr std::size_t max_record_bytes = max_plain_record_bytes + 2048;

/// Takes pieces off the front of bytes that must hold them all; once something is missing, stays
/// empty and bad.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number(std::size_t size);
  std::string_view take(std::size_t size);
  /// A piece with its length, of `length_size` bytes, in front.
  std::string_view vector(std::size_t length_size) { return take(number(length_size)); }

  bool is_good() const { return is_good_; }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

enum class Stage : std::uint8_t { incomplete, complete, refused };

/// The record at the front of bytes.
struct Record {
  Stage stage = Stage::incomplete;  ///< `refused`: no TLS
  std::uint8_t type = 0;            ///< known as soon as there is a byte
  std::string_view content{};       ///< of `complete`
  std::size_t size_bytes = 0;       ///< of `complete`: with its header
};
Record read_record(std::string_view bytes);

/// The handshake message at the front of bytes, put together from its records.
struct Message {
  Stage stage = Stage::incomplete;
  std::string_view refusal{};   ///< of `refused`: why a ClientHello is not taken
  std::string body{};           ///< of `complete`: without its header
  std::size_t size_bytes = 0;   ///< of `complete`: all of its records
  bool ends_its_record = true;  ///< of `complete`: nothing follows it in its last record
};
/// `refused`: not TLS; a message of another type; longer than max_client_hello_bytes; in more
/// records than an honest sender needs.
Message read_message(std::string_view bytes, MessageType type);

}  // namespace omnisandbox::egress::tls
