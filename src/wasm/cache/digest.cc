#include "wasm/cache/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <string_view>

#include "base/error.h"

namespace omnisandbox::wasm {

Digest sha256(std::span<const std::byte> bytes) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

Expected<Digest> hmac_sha256(std::span<const std::uint8_t> key, std::span<const std::byte> bytes) {
  Digest digest{};
  unsigned length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(),
           &length) == nullptr ||
      length != digest.size()) {
    return base::make_error(ErrorKind::unavailable,
                            "HMAC-SHA-256 failed: libcrypto refuses it (a FIPS setting?)");
  }
  return digest;
}

bool equal_digests(const Digest& left, const Digest& right) noexcept {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string hex_of(const Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace omnisandbox::wasm
