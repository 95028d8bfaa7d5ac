#pragma once

#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "linux/fd.h"
#include "wasm/wasi/fd_table.h"

namespace omnisandbox::wasm::wasi {

/// A descriptor's own handle, or one that was opened for this call alone.
class Handle {
 public:
  explicit Handle(const linux_::Fd* borrowed) : borrowed_(borrowed) {}
  explicit Handle(linux_::Fd&& owned) : owned_(std::move(owned)) {}
  const linux_::Fd& get() const { return borrowed_ != nullptr ? *borrowed_ : owned_; }

 private:
  const linux_::Fd* borrowed_ = nullptr;
  linux_::Fd owned_;
};

/// The open file behind a file or directory descriptor. A preopened directory has none: it is
/// opened through the path gate for the call, readable, and the decision is recorded. Not for a
/// folder of files, which the policy does not open.
tl::expected<Handle, Errno> handle_of(GuestCall& call, std::string_view operation,
                                      const Descriptor& descriptor);

}  // namespace omnisandbox::wasm::wasi
