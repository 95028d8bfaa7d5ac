#include "egress/proxy/handshake_watch.h"

#include <algorithm>

#include "egress/proxy/client_hello.h"
#include "egress/proxy/handshake_message.h"

namespace omnisandbox::egress {
namespace {

using tls::Stage;

// The random value that makes a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3): SHA-256
// of "HelloRetryRequest".
constexpr std::string_view retry_random(
    "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91"
    "\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C",
    32);
constexpr std::size_t version_bytes = 2;

constexpr std::string_view not_tls = "what comes through it is not TLS";
constexpr std::string_view answer_not_tls = "its server does not answer with TLS";

HandshakeWatch::Progress refused(std::string_view why) { return {.refusal = why}; }

}  // namespace

HandshakeWatch::Progress HandshakeWatch::client_sent(std::string_view bytes) {
  Progress progress;
  while (progress.passed_bytes < bytes.size()) {
    if (is_over()) {
      progress.passed_bytes = bytes.size();
      return progress;
    }
    const std::string_view rest = bytes.substr(progress.passed_bytes);
    const tls::Record record = tls::read_record(rest);
    const bool is_hello_due =
        phase_ == Phase::first_hello ||
        (phase_ == Phase::second_hello && record.type == tls::handshake_record);
    if (is_hello_due) {
      ClientHello hello = read_client_hello(rest);
      if (hello.stage == ClientHello::Stage::refused) return refused(hello.refusal);
      if (hello.stage == ClientHello::Stage::complete) {
        phase_ = Phase::server_turn;
        progress.passed_bytes += hello.size_bytes;
        progress.asks_for = std::move(hello.server_name);
      }
      return progress;
    }
    if (record.stage == Stage::refused) return refused(not_tls);
    if (record.stage == Stage::incomplete) return progress;
    if (!passes_in_the_clear(record.type, record.content, progress.refusal))
      return refused(progress.refusal);
    progress.passed_bytes += record.size_bytes;
  }
  return progress;
}

bool HandshakeWatch::passes_in_the_clear(std::uint8_t type, std::string_view content,
                                         std::string_view& refusal) {
  switch (type) {
    case tls::handshake_record:
      if (phase_ != Phase::answered) {
        refusal = "its client goes on with the handshake before the server has answered";
      } else if (has_client_hello(content)) {
        refusal = "it sends another ClientHello, which nobody asked for";
      }
      return refusal.empty();
    case tls::change_cipher_spec_record:
      if (content != std::string_view("\x01", 1)) refusal = not_tls;
      if (phase_ == Phase::answered) phase_ = Phase::over;
      return refusal.empty();
    case tls::application_data_record:  // before the answer: early data
      if (phase_ == Phase::answered) phase_ = Phase::over;
      return true;
    default:
      return true;  // an alert
  }
}

// Messages may be spread over records; only where one begins can a ClientHello begin.
bool HandshakeWatch::has_client_hello(std::string_view content) {
  while (!content.empty()) {
    if (message_rest_bytes_ > 0) {
      const std::size_t skipped = std::min(message_rest_bytes_, content.size());
      content.remove_prefix(skipped);
      message_rest_bytes_ -= skipped;
      continue;
    }
    message_header_ += content.front();
    content.remove_prefix(1);
    if (static_cast<std::uint8_t>(message_header_.front()) == tls::client_hello_message)
      return true;
    if (message_header_.size() == tls::message_header_bytes) {
      message_rest_bytes_ = tls::Reader(std::string_view(message_header_).substr(1)).number(3);
      message_header_.clear();
    }
  }
  return false;
}

HandshakeWatch::Progress HandshakeWatch::server_sent(std::string_view bytes) {
  Progress progress;
  while (progress.passed_bytes < bytes.size()) {
    if (phase_ == Phase::answered || is_over()) {
      progress.passed_bytes = bytes.size();
      return progress;
    }
    const std::string_view rest = bytes.substr(progress.passed_bytes);
    const tls::Record record = tls::read_record(rest);
    if (record.stage == Stage::refused) return refused(answer_not_tls);
    if (record.type != tls::handshake_record) {
      // Warnings, and a change of ciphers for the eyes of middleboxes (RFC 8446 appendix D.4).
      if (record.type == tls::application_data_record) return refused(answer_not_tls);
      if (record.stage == Stage::incomplete) return progress;
      progress.passed_bytes += record.size_bytes;
      continue;
    }
    const tls::Message hello = tls::read_message(rest, tls::server_hello_message);
    if (hello.stage == Stage::refused) return refused(answer_not_tls);
    if (hello.stage == Stage::incomplete) return progress;
    if (phase_ != Phase::server_turn)
      return refused("its server goes on before the client has said hello again");
    if (std::string_view(hello.body)
            .substr(std::min(version_bytes, hello.body.size()), retry_random.size()) !=
        retry_random) {
      phase_ = Phase::answered;
      continue;
    }
    if (was_asked_again_ || !hello.ends_its_record)
      return refused("its server asks for another ClientHello as no server of TLS does");
    was_asked_again_ = true;
    phase_ = Phase::second_hello;
    progress.passed_bytes += hello.size_bytes;
  }
  return progress;
}

}  // namespace omnisandbox::egress
