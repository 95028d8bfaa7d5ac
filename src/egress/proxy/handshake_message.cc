#include "egress/proxy/handshake_message.h"

#include "egress/proxy/limits.h"

namespace omnisandbox::egress::tls {
namespace {

// Whoever splits a hello into more records than this tries to hide something.
constexpr int max_records = 16;

Message refused(std::string_view why) { return {.stage = Stage::refused, .refusal = why}; }

}  // namespace

std::uint32_t Reader::number(std::size_t size) {
  std::uint32_t value = 0;
  for (const char byte : take(size)) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

std::string_view Reader::take(std::size_t size) {
  if (size > rest_.size()) {
    is_good_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

Record read_record(std::string_view bytes) {
  Record record;
  if (bytes.empty()) return record;
  record.type = static_cast<std::uint8_t>(bytes[0]);
  const bool is_known =
      record.type >= change_cipher_spec_record && record.type <= application_data_record;
  if (!is_known || (bytes.size() >= 2 && bytes[1] != 3)) {
    record.stage = Stage::refused;
    return record;
  }
  if (bytes.size() < record_header_bytes) return record;
  const std::size_t length = Reader(bytes.substr(3, 2)).number(2);
  const std::size_t limit =
      record.type == application_data_record ? max_record_bytes : max_plain_record_bytes;
  const bool may_be_empty = record.type == application_data_record;
  if (length > limit || (length == 0 && !may_be_empty)) {
    record.stage = Stage::refused;
    return record;
  }
  if (bytes.size() - record_header_bytes < length) return record;
  record.stage = Stage::complete;
  record.content = bytes.substr(record_header_bytes, length);
  record.size_bytes = record_header_bytes + length;
  return record;
}

Message read_message(std::string_view bytes, MessageType type) {
  Message message;
  std::string text;
  for (int records = 0;; ++records) {
    const std::string_view rest = bytes.substr(message.size_bytes);
    if (rest.empty()) return {};
    const Record record = read_record(rest);
    if (record.type != handshake_record) return refused("what comes through it is not TLS");
    if (record.stage == Stage::refused) return refused("its first record has an impossible length");
    if (records == max_records) return refused("its ClientHello is split into too many records");
    const bool is_whole = record.stage == Stage::complete;
    if (is_whole) {
      text += record.content;
    } else if (rest.size() > record_header_bytes) {
      text += rest.substr(record_header_bytes);  // enough to refuse early
    }
    if (!text.empty() && static_cast<std::uint8_t>(text[0]) != type)
      return refused("it does not begin with a ClientHello");
    if (text.size() >= message_header_bytes) {
      const std::size_t size =
          message_header_bytes + Reader(std::string_view(text).substr(1, 3)).number(3);
      if (size > max_client_hello_bytes) return refused("its ClientHello is too long");
      if (is_whole && text.size() >= size) {
        message.stage = Stage::complete;
        message.ends_its_record = text.size() == size;
        message.size_bytes += record.size_bytes;
        message.body = text.substr(message_header_bytes, size - message_header_bytes);
        return message;
      }
    }
    if (!is_whole) return {};
    message.size_bytes += record.size_bytes;
  }
}

}  // namespace omnisandbox::egress::tls
