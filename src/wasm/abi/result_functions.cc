#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "wasm/abi/call_arguments.h"
#include "wasm/abi/error_codes.h"
#include "wasm/abi/functions.h"

namespace omnisandbox::wasm::abi {
namespace {

constexpr std::int32_t current_abi_version = 1;

Expected<const StoredResult*> result_of(GuestCall& call, std::int32_t handle) {
  const StoredResult* result = handles_of(call.run).find(handle);
  if (result == nullptr) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "{} is not a live result handle: it was dropped, or never issued in this run", handle);
  }
  return result;
}

Expected<const StoredResult::Part*> part_of(GuestCall& call, std::int32_t handle,
                                            std::int32_t part) {
  const StoredResult* result = TRY(result_of(call, handle));
  if (part < 0 || static_cast<std::size_t>(part) >= result->parts.size()) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the result {} has parts 0 to {}, and no part {}", handle,
                            result->parts.size() - 1, part);
  }
  return &result->parts[static_cast<std::size_t>(part)];
}

std::int32_t copy_out(std::string_view bytes, std::span<std::uint8_t> buffer) {
  // The answer is 32 bits with a sign.
  const std::size_t length = std::min({bytes.size(), buffer.size(), std::size_t{INT32_MAX}});
  if (length > 0) {
    std::memcpy(buffer.data(), bytes.data(), length);
  }
  return static_cast<std::int32_t>(length);
}

}  // namespace

std::int32_t abi_version(GuestCall&) { return current_abi_version; }

std::int32_t last_error(GuestCall& call, std::uint32_t buffer, std::uint32_t buffer_len) {
  const auto target = bytes_at(call, "last_error", {buffer, buffer_len});
  return target ? copy_out(call.run.last_error, *target) : 0;
}

std::int64_t result_size(GuestCall& call, std::int32_t handle, std::int32_t part) {
  const auto found = part_of(call, handle, part);
  return found ? static_cast<std::int64_t>((*found)->bytes.size()) : fail(call, found.error());
}

std::int64_t result_total_size(GuestCall& call, std::int32_t handle, std::int32_t part) {
  const auto found = part_of(call, handle, part);
  return found ? static_cast<std::int64_t>((*found)->total_bytes) : fail(call, found.error());
}

std::int32_t result_read(GuestCall& call, std::int32_t handle, std::int32_t part,
                         std::int64_t offset, std::uint32_t buffer, std::uint32_t buffer_len) {
  const auto target = bytes_at(call, "result_read", {buffer, buffer_len});
  if (!target) {
    return 0;
  }
  const auto found = part_of(call, handle, part);
  if (!found) {
    return fail(call, found.error());
  }
  const std::string_view bytes = (*found)->bytes;
  if (offset < 0 || static_cast<std::uint64_t>(offset) > bytes.size()) {
    return fail(call, base::make_error(ErrorKind::invalid_argument,
                                       "result_read: offset {} is outside the {} bytes of the part",
                                       offset, bytes.size()));
  }
  return copy_out(bytes.substr(static_cast<std::size_t>(offset)), *target);
}

std::int32_t result_status(GuestCall& call, std::int32_t handle) {
  const auto found = result_of(call, handle);
  return found ? (*found)->status : fail(call, found.error());
}

std::int32_t result_drop(GuestCall& call, std::int32_t handle) {
  if (const auto found = result_of(call, handle); !found) {
    return fail(call, found.error());
  }
  handles_of(call.run).drop(handle);
  return 0;
}

}  // namespace omnisandbox::wasm::abi
