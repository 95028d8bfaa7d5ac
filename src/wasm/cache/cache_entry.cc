#include "wasm/cache/cache_entry.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "wasm/module/preamble.h"

namespace omnisandbox::wasm {
namespace {

static_assert(std::endian::native == std::endian::little, "entries are written in host order");

constexpr std::array<char, 8> magic{'\x93', 'O', 'M', 'N', 'I', 'C', 'W', '\n'};
constexpr std::uint32_t format = 3;
constexpr std::uint32_t core_module = 0;
constexpr std::uint32_t a_component = 1;

// Everything between the code and the HMAC. No padding: the sizes are asserted.
struct Head {
  std::uint32_t format;
  std::uint32_t kind;
  Digest module;
  Digest engine;
  std::uint64_t memory_count;
  std::uint64_t minimum_memory_bytes;
  std::uint64_t table_count;
  std::uint64_t function_count;
  std::uint64_t largest_function_bytes;
  std::uint64_t has_start_function;
  std::uint64_t code_bytes;
};
static_assert(sizeof(Head) == 8 + 64 + 7 * 8);

static_assert(sizeof(Head) + sizeof(Digest) + magic.size() == entry_tail_bytes);

constexpr std::size_t mac_and_magic_bytes = sizeof(Digest) + magic.size();

Head head_of(const CacheEntry& entry) {
  Head head{};
  head.format = format;
  head.module = entry.key.module;
  head.engine = entry.key.engine;
  head.code_bytes = entry.code.size();
  if (const auto* shape = std::get_if<component::ComponentShape>(&entry.shape)) {
    head.kind = a_component;
    head.memory_count = shape->memory_count;
    head.minimum_memory_bytes = shape->largest_minimum_memory_bytes;
    head.table_count = shape->table_count;
    return head;
  }
  const auto& shape = std::get<ModuleShape>(entry.shape);
  head.kind = core_module;
  head.memory_count = shape.memory_count;
  head.minimum_memory_bytes = shape.minimum_memory_bytes;
  head.table_count = shape.table_count;
  head.function_count = shape.function_count;
  head.largest_function_bytes = shape.largest_function_bytes;
  head.has_start_function = shape.has_start_function ? 1U : 0U;
  return head;
}

CodeShape shape_of(const Head& head) {
  if (head.kind == a_component) {
    return component::ComponentShape{.memory_count = head.memory_count,
                                     .largest_minimum_memory_bytes = head.minimum_memory_bytes,
                                     .table_count = head.table_count};
  }
  return ModuleShape{.memory_count = head.memory_count,
                     .minimum_memory_bytes = head.minimum_memory_bytes,
                     .table_count = head.table_count,
                     .function_count = head.function_count,
                     .largest_function_bytes = head.largest_function_bytes,
                     .has_start_function = head.has_start_function == 1};
}

Error broken(std::string_view what) {
  return base::make_error(ErrorKind::invalid_argument, "not a compiled module of this user: {}",
                          what);
}

}  // namespace

Digest CacheKey::name() const {
  std::array<std::byte, sizeof(Digest) * 2> both;
  std::memcpy(both.data(), module.data(), module.size());
  std::memcpy(both.data() + module.size(), engine.data(), engine.size());
  return sha256(both);
}

bool is_cache_entry(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= entry_tail_bytes &&
         std::memcmp(bytes.last(magic.size()).data(), magic.data(), magic.size()) == 0 &&
         !begins_as_binary(bytes);
}

Expected<std::vector<std::byte>> encode_entry(const CacheEntry& entry, const CacheSecret& secret) {
  if (entry.code.size() > max_cache_entry_bytes - entry_tail_bytes) {
    return base::make_error(ErrorKind::too_large, "the compiled module is too large to be kept");
  }
  const Head head = head_of(entry);
  std::vector<std::byte> bytes;
  bytes.reserve(entry.code.size() + entry_tail_bytes);
  bytes.assign(entry.code.begin(), entry.code.end());
  const auto append = [&](const auto& part) {
    const auto raw = std::as_bytes(std::span(&part, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  };
  append(head);
  append(TRY(hmac_sha256(secret, bytes)));
  append(magic);
  return bytes;
}

Expected<EntryTail> decode_entry_tail(std::span<const std::byte> tail, std::uint64_t file_bytes) {
  if (!is_cache_entry(tail) || tail.size() != entry_tail_bytes) {
    return broken("it does not end like one");
  }
  Head head;
  std::memcpy(&head, tail.data(), sizeof head);
  if (head.format != format || head.kind > a_component || head.has_start_function > 1) {
    return broken("another version of this program made it");
  }
  if (file_bytes > max_cache_entry_bytes || head.code_bytes != file_bytes - entry_tail_bytes) {
    return broken("its length is wrong");
  }
  EntryTail decoded{.key = {.module = head.module, .engine = head.engine}, .shape = shape_of(head)};
  std::memcpy(decoded.mac.data(), tail.data() + sizeof head, decoded.mac.size());
  return decoded;
}

Expected<CacheEntry> decode_entry(std::span<const std::byte> bytes, const CacheSecret& secret) {
  if (!is_cache_entry(bytes)) {
    return broken("it does not end like one");
  }
  const auto authenticated = bytes.first(bytes.size() - mac_and_magic_bytes);
  Digest mac;
  std::memcpy(mac.data(), bytes.data() + authenticated.size(), mac.size());
  if (!equal_digests(mac, TRY(hmac_sha256(secret, authenticated)))) {
    return broken("it was changed, cut off, or made under another key");
  }
  const EntryTail tail = TRY(decode_entry_tail(bytes.last(entry_tail_bytes), bytes.size()));
  CacheEntry entry{
      .key = tail.key, .shape = tail.shape, .code = bytes.first(bytes.size() - entry_tail_bytes)};
  // What a component's head has no use for must be zero.
  const Head expected_head = head_of(entry);
  if (std::memcmp(&expected_head, bytes.data() + entry.code.size(), sizeof expected_head) != 0) {
    return broken("another version of this program made it");
  }
  return entry;
}

}  // namespace omnisandbox::wasm
