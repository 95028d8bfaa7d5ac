// Files of the module cache: entries and stamp records. Whatever bytes come, decoding ends; without
// the key nothing is accepted; and what is accepted with a right HMAC (which the fuzzer is given)
// is encoded to the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "wasm/cache/cache_entry.h"
#include "wasm/cache/stamp_record.h"

namespace {

using namespace omnisandbox::wasm;

constexpr std::size_t magic_bytes = 8;
constexpr CacheSecret secret{1, 2, 3};

/// `bytes` with a right HMAC at `mac_at`, over all before it.
std::vector<std::byte> sealed(std::span<const std::byte> bytes, std::size_t mac_at) {
  std::vector<std::byte> result(bytes.begin(), bytes.end());
  if (const auto mac = hmac_sha256(secret, bytes.first(mac_at))) {
    std::memcpy(result.data() + mac_at, mac->data(), mac->size());
  }
  return result;
}

void check_entry(std::span<const std::byte> bytes) {
  if (decode_entry(bytes, secret)) {
    std::abort();  // a forged HMAC
  }
  if (bytes.size() < magic_bytes + sizeof(Digest)) {
    return;
  }
  const auto right = sealed(bytes, bytes.size() - magic_bytes - sizeof(Digest));
  if (const auto entry = decode_entry(right, secret)) {
    const auto again = encode_entry(*entry, secret);
    const auto tail = decode_entry_tail(std::span(right).last(entry_tail_bytes), right.size());
    if (!again || *again != right || !tail || tail->key != entry->key) {
      std::abort();
    }
  }
}

void check_record(std::span<const std::byte> bytes) {
  if (decode_stamp_record(bytes, secret)) {
    std::abort();
  }
  if (bytes.size() != stamp_record_bytes) {
    return;
  }
  const auto right = sealed(bytes, bytes.size() - sizeof(Digest));
  if (const auto record = decode_stamp_record(right, secret)) {
    const auto again = encode_stamp_record(*record, secret);
    if (!again || !std::ranges::equal(*again, right)) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check_entry(bytes);
  check_record(bytes);
  return 0;
}
