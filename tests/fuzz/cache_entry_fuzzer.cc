// Files of the module cache. Whatever bytes come, decoding ends; without the key nothing is
// accepted; and what is accepted with a right HMAC (which the fuzzer is given) is encoded to the
// same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "wasm/cache/cache_entry.h"

namespace {

constexpr std::size_t magic_bytes = 8;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace omnisandbox::wasm;
  const auto bytes = std::as_bytes(std::span(data, size));
  const CacheSecret secret{1, 2, 3};
  if (decode_entry(bytes, secret)) {
    std::abort();  // a forged HMAC
  }
  if (size < magic_bytes + sizeof(Digest)) {
    return 0;
  }
  std::vector<std::byte> sealed(bytes.begin(), bytes.end());
  const auto mac = hmac_sha256(secret, std::span(sealed).subspan(magic_bytes + sizeof(Digest)));
  if (!mac) {
    return 0;
  }
  std::memcpy(sealed.data() + magic_bytes, mac->data(), mac->size());
  if (const auto entry = decode_entry(sealed, secret)) {
    const auto again = encode_entry(*entry, secret);
    if (!again || *again != sealed) {
      std::abort();
    }
  }
  return 0;
}
