#pragma once

#include <memory>

#include "base/try.h"
#include "linux/fd.h"
#include "linux/file_handles.h"
#include "linux/memory_file.h"
#include "omnisandbox/expected.h"
#include "wasm/cache/cache_entry.h"

namespace omnisandbox::wasm::worker {

/// What a compiler of ours left in the file `code`. Mapped, its pages are shared by all who have it
/// loaded; where the engine cannot open it, its bytes are copied. Errors: as `Code::load`.
template <class Code, class Engine, class Shape>
Expected<std::shared_ptr<const Code>> load_code(Engine& engine, const linux_::Fd& code,
                                                const Shape& shape) {
  if (auto mapped = Code::load(engine, linux_::name_of(code), shape)) {
    return mapped;
  }
  const auto mapping = TRY(linux_::FileMapping::create(code, max_cache_entry_bytes));
  return Code::load(engine, mapping.bytes(), shape);
}

}  // namespace omnisandbox::wasm::worker
