#include "wasm/cache/cache_entry.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::wasm {
namespace {

static_assert(std::endian::native == std::endian::little, "entries are written in host order");

// Begins with a byte that no WebAssembly module, text or binary, begins with.
constexpr std::array<char, 8> magic{'\x93', 'O', 'M', 'N', 'I', 'C', 'W', '\n'};
constexpr std::uint32_t format = 2;
constexpr std::uint32_t core_module = 0;
constexpr std::uint32_t a_component = 1;

// Everything after the HMAC and before the code. No padding: the sizes are asserted.
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

constexpr std::size_t authenticated_from = magic.size() + sizeof(Digest);
constexpr std::size_t code_from = authenticated_from + sizeof(Head);

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
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

Expected<std::vector<std::byte>> encode_entry(const CacheEntry& entry, const CacheSecret& secret) {
  if (entry.code.size() > max_cache_entry_bytes - code_from) {
    return base::make_error(ErrorKind::too_large, "the compiled module is too large to be kept");
  }
  const Head head = head_of(entry);
  std::vector<std::byte> bytes(code_from + entry.code.size());
  std::memcpy(bytes.data(), magic.data(), magic.size());
  std::memcpy(bytes.data() + authenticated_from, &head, sizeof head);
  std::copy(entry.code.begin(), entry.code.end(), bytes.begin() + code_from);
  const Digest mac = TRY(hmac_sha256(secret, std::span(bytes).subspan(authenticated_from)));
  std::memcpy(bytes.data() + magic.size(), mac.data(), mac.size());
  return bytes;
}

Expected<CacheEntry> decode_entry(std::span<const std::byte> bytes, const CacheSecret& secret) {
  if (!is_cache_entry(bytes)) {
    return broken("it does not begin like one");
  }
  if (bytes.size() < code_from || bytes.size() > max_cache_entry_bytes) {
    return broken("its length is wrong");
  }
  Digest mac;
  std::memcpy(mac.data(), bytes.data() + magic.size(), mac.size());
  const Digest expected = TRY(hmac_sha256(secret, bytes.subspan(authenticated_from)));
  if (!equal_digests(mac, expected)) {
    return broken("it was changed, cut off, or made under another key");
  }
  Head head;
  std::memcpy(&head, bytes.data() + authenticated_from, sizeof head);
  if (head.format != format || head.kind > a_component || head.has_start_function > 1) {
    return broken("another version of this program made it");
  }
  if (head.code_bytes != bytes.size() - code_from) {
    return broken("its length is wrong");
  }
  CacheEntry entry{.key = {.module = head.module, .engine = head.engine},
                   .shape = shape_of(head),
                   .code = bytes.subspan(code_from)};
  // What a component's head has no use for must be zero.
  const Head expected_head = head_of(entry);
  if (std::memcmp(&expected_head, &head, sizeof head) != 0) {
    return broken("another version of this program made it");
  }
  return entry;
}

}  // namespace omnisandbox::wasm
