#pragma once

#include <cstddef>
#include <span>

#include "omnisandbox/expected.h"
#include "wasm/engine/owners.h"

/// The text format, of core modules and of components.
namespace omnisandbox::wasm {

bool looks_like_text(std::span<const std::byte> bytes) noexcept;

/// Whether the bytes are a component, in binary or in text form. Reads no further than the first
/// word after comments.
bool is_component_source(std::span<const std::byte> bytes) noexcept;

/// Errors: `invalid_argument`, `too_large`.
Expected<void> text_to_binary(std::span<const std::byte> text, ByteVector& binary);

/// The binary: `bytes` itself, or what `from_text` then holds. Errors: those of text_to_binary and
/// of check_module_size; `invalid_argument` for nothing at all.
Expected<std::span<const std::byte>> binary_of(std::span<const std::byte> bytes,
                                               ByteVector& from_text);

/// wasmtime's message in one line, fit to be shown.
std::string message_of(const wasmtime_error_t& error);

}  // namespace omnisandbox::wasm
