#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/module_file.h"
#include "wasm/cache/digest.h"
#include "wasm/cache/module_cache.h"

namespace omnisandbox::wasm {

/// What is to be compiled, or found in a cache: bytes, or a file that is read only where its
/// content is needed. Used by one thread at a time.
class ModuleInput {
 public:
  /// The bytes stay the caller's, and must stay.
  static ModuleInput borrow(std::span<const std::byte> bytes);
  /// Error: `too_large`.
  static Expected<ModuleInput> copy(std::span<const std::byte> bytes);
  /// `cache` may be null. Errors: `not_found`; `too_large`; `io`; `invalid_argument` for what is no
  /// regular file, or has not the digest that is asked for.
  static Expected<ModuleInput> open(const ModuleFile& file,
                                    std::shared_ptr<const ModuleCache> cache);

  bool is_component() const noexcept;
  /// It claims to be what Runtime::precompile made.
  bool is_sealed() const noexcept;

  /// The SHA-256; of a file that was not read it is the cache's knowledge.
  const Digest& digest();
  /// The whole content. A file that was not read yet is read now, and `digest` is then that of what
  /// was read. Errors as for `open`.
  Expected<std::span<const std::byte>> bytes();

 private:
  ModuleInput() = default;
  Expected<void> read();

  std::vector<std::byte> own_;
  std::span<const std::byte> bytes_;  // of a file that was not read: its first ones
  std::optional<Digest> digest_;
  ModuleFile origin_;
  linux_::Fd unread_;                         // open: the rest of the content is here
  std::shared_ptr<const ModuleCache> cache_;  // where its digest is kept; shared with the runtime
};

}  // namespace omnisandbox::wasm
