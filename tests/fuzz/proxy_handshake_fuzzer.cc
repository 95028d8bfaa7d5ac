// What a tunnel carries before it is encrypted: whoever sends what in pieces of whatever size, the
// same bytes go on, the same names are told, and the same is refused. The input is a list of what
// the two sides say: a byte (odd: the server), the length in two bytes, and as many bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "egress/proxy/client_hello.h"
#include "egress/proxy/handshake_watch.h"

namespace {

using omnisandbox::egress::ClientHello;
using omnisandbox::egress::HandshakeWatch;
using omnisandbox::egress::read_client_hello;

struct Speech {
  bool is_server = false;
  std::string_view bytes;
};

struct Outcome {
  std::string gone_on;
  std::vector<std::string> names;
  bool is_refused = false;
  bool operator==(const Outcome&) const = default;
};

std::vector<Speech> speeches_of(std::string_view input) {
  std::vector<Speech> speeches;
  while (input.size() >= 3) {
    const std::size_t size = static_cast<std::uint8_t>(input[1]) * std::size_t{256} +
                             static_cast<std::uint8_t>(input[2]);
    speeches.push_back({(input[0] & 1) != 0, input.substr(3, size)});
    input.remove_prefix(std::min(input.size(), 3 + size));
  }
  return speeches;
}

void require(bool condition) {
  if (!condition) std::abort();
}

Outcome listen(const std::vector<Speech>& speeches, std::size_t piece_bytes) {
  HandshakeWatch watch;
  Outcome outcome;
  std::string held[2];
  for (const Speech& speech : speeches) {
    if (speech.is_server && outcome.names.empty()) continue;  // nobody listens to it yet
    std::string& waiting = held[speech.is_server ? 1 : 0];
    for (std::size_t at = 0; at < speech.bytes.size(); at += piece_bytes) {
      waiting += speech.bytes.substr(at, piece_bytes);
      for (;;) {
        const auto progress =
            speech.is_server ? watch.server_sent(waiting) : watch.client_sent(waiting);
        outcome.is_refused = !progress.refusal.empty();
        if (outcome.is_refused) return outcome;
        require(progress.passed_bytes <= waiting.size());
        require(!progress.asks_for || progress.passed_bytes > 0);
        if (progress.asks_for) outcome.names.push_back(*progress.asks_for);
        outcome.gone_on += waiting.substr(0, progress.passed_bytes);
        waiting.erase(0, progress.passed_bytes);
        if (progress.passed_bytes == 0 || waiting.empty()) break;
      }
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<Speech> speeches = speeches_of(input);
  const Outcome whole = listen(speeches, input.size() + 1);
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}}) {
    const Outcome pieces = listen(speeches, piece_bytes);
    require(pieces.is_refused == whole.is_refused);
    require(pieces.is_refused || pieces == whole);
  }
  if (speeches.empty()) return 0;

  const std::string_view bytes = speeches.front().bytes;
  const ClientHello hello = read_client_hello(bytes);
  require(hello.refusal.empty() == (hello.stage != ClientHello::Stage::refused));
  if (hello.stage == ClientHello::Stage::complete) {
    require(hello.size_bytes > 0 && hello.size_bytes <= bytes.size());
    require(read_client_hello(bytes.substr(0, hello.size_bytes)).server_name == hello.server_name);
    require(read_client_hello(bytes.substr(0, hello.size_bytes - 1)).stage ==
            ClientHello::Stage::incomplete);
  }
  return 0;
}
