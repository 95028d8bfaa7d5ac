#include "wasm/cache/stamp_record.h"

#include <gtest/gtest.h>

#include <vector>

#include "wasm/cache/cache_entry.h"

namespace omnisandbox::wasm {
namespace {

constexpr CacheSecret secret{1, 2, 3};

StampRecord example() {
  return {.file = StampedFile::compiled,
          .boot = {'b', 'o', 'o', 't'},
          .stamp = {.device = 1, .inode = 2, .size = 3, .modified_s = -4, .changed_ns = 5},
          .digest = {6, 7}};
}

TEST(StampRecord, IsReadAsItWasWritten) {
  const auto bytes = encode_stamp_record(example(), secret);
  ASSERT_TRUE(bytes);
  const auto read = decode_stamp_record(*bytes, secret);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, example());
}

TEST(StampRecord, IsRefusedWhenChangedAnywhereCutOffOrMadeUnderAnotherKey) {
  const auto bytes = encode_stamp_record(example(), secret);
  ASSERT_TRUE(bytes);
  for (std::size_t position = 0; position < bytes->size(); ++position) {
    auto changed = *bytes;
    changed[position] ^= std::byte{1};
    EXPECT_FALSE(decode_stamp_record(changed, secret)) << position;
    EXPECT_FALSE(decode_stamp_record(std::span(*bytes).first(position), secret)) << position;
  }
  std::vector<std::byte> longer(bytes->begin(), bytes->end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode_stamp_record(longer, secret));
  EXPECT_FALSE(decode_stamp_record(*bytes, CacheSecret{9}));
}

TEST(StampRecord, IsNoEntryAndAnEntryIsNone) {
  const auto record = encode_stamp_record(example(), secret);
  ASSERT_TRUE(record);
  EXPECT_FALSE(decode_entry(*record, secret));
  // An entry of the very length of a record, authenticated by the same key.
  const std::vector<std::byte> code(stamp_record_bytes - entry_tail_bytes, std::byte{1});
  const auto entry = encode_entry({.key = {}, .shape = {}, .code = code}, secret);
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->size(), stamp_record_bytes);
  EXPECT_FALSE(decode_stamp_record(*entry, secret));
}

}  // namespace
}  // namespace omnisandbox::wasm
