#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wasm/abi/handle_table.h"
#include "wasm/guest_run.h"

/// What every function of omnisandbox_v1 does with its arguments.
namespace omnisandbox::wasm::abi {

/// A byte string that the guest passed.
struct GuestRange {
  std::uint32_t address;
  std::uint32_t length;
};

/// The bytes of a range; empty after ending the guest when they are not all inside its memory.
std::optional<std::span<std::uint8_t>> bytes_at(GuestCall& call, std::string_view function,
                                                GuestRange range);
std::optional<std::string_view> text_at(GuestCall& call, std::string_view function,
                                        GuestRange range);

/// `too_large` for an argument beyond `limit_bytes`.
Expected<void> check_length(std::string_view argument, GuestRange range, std::uint32_t limit_bytes);

HandleTable& handles_of(GuestRun& run);

/// Keeps `result` and returns its handle, or fails the call.
std::int32_t keep(GuestCall& call, StoredResult result);

}  // namespace omnisandbox::wasm::abi
