#include "wasm/cache/stamp_record.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::wasm {
namespace {

static_assert(std::endian::native == std::endian::little, "records are written in host order");

constexpr std::array<char, 8> magic{'\x93', 'O', 'M', 'N', 'I', 'S', 'R', '\n'};
constexpr std::uint32_t format = 1;

struct Body {
  std::array<char, 8> magic;
  std::uint32_t format;
  std::uint32_t file;
  BootName boot;
  FileStamp stamp;
  Digest digest;
};
static_assert(sizeof(Body) + sizeof(Digest) == stamp_record_bytes);

Error broken() {
  return base::make_error(ErrorKind::invalid_argument,
                          "not a stamp record of this user's module cache");
}

}  // namespace

Expected<std::array<std::byte, stamp_record_bytes>> encode_stamp_record(const StampRecord& record,
                                                                        const CacheSecret& secret) {
  const Body body{.magic = magic,
                  .format = format,
                  .file = static_cast<std::uint32_t>(record.file),
                  .boot = record.boot,
                  .stamp = record.stamp,
                  .digest = record.digest};
  std::array<std::byte, stamp_record_bytes> bytes;
  std::memcpy(bytes.data(), &body, sizeof body);
  const Digest mac = TRY(hmac_sha256(secret, std::span(bytes).first(sizeof body)));
  std::memcpy(bytes.data() + sizeof body, mac.data(), mac.size());
  return bytes;
}

Expected<StampRecord> decode_stamp_record(std::span<const std::byte> bytes,
                                          const CacheSecret& secret) {
  if (bytes.size() != stamp_record_bytes) {
    return broken();
  }
  Digest mac;
  std::memcpy(mac.data(), bytes.data() + sizeof(Body), mac.size());
  if (!equal_digests(mac, TRY(hmac_sha256(secret, bytes.first(sizeof(Body)))))) {
    return broken();
  }
  Body body;
  std::memcpy(&body, bytes.data(), sizeof body);
  if (body.magic != magic || body.format != format ||
      body.file > static_cast<std::uint32_t>(StampedFile::compiled)) {
    return broken();
  }
  return StampRecord{.file = static_cast<StampedFile>(body.file),
                     .boot = body.boot,
                     .stamp = body.stamp,
                     .digest = body.digest};
}

}  // namespace omnisandbox::wasm
