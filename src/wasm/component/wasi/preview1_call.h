#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "wasm/component/host_call.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/entry.h"
#include "wasm/wasi/preview1.h"
#include "wasm/wasi/types.h"

namespace omnisandbox::wasm::component::wasi02 {

/// A call of a preview 1 function on behalf of a component. Those functions hold every rule about
/// files, and take their arguments from a guest's memory; here it is a buffer of ours.
class Preview1Call {
 public:
  explicit Preview1Call(HostCall& call) : host_(call) {}

  struct Range {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };
  /// Room for what the function answers. All ranges are made before the call.
  Range room(std::size_t bytes);
  Range put(std::string_view text);

  /// Makes the call on the buffer, here or wherever the run's files are; how it ended the guest is
  /// passed on.
  template <auto function, class... Args>
  wasi::Errno call(Args... args) {
    static_assert(std::is_invocable_v<decltype(function), GuestCall&, Args...>);
    GuestCall call{.run = host_.guest(), .memory = GuestMemory(buffer_)};
    const std::array<std::uint64_t, sizeof...(Args)> arguments{static_cast<std::uint64_t>(args)...};
    const std::uint64_t result =
        host_.run.outside->call(wasi::entry<function>("").invoke, call, arguments);
    host_.end = call.end;
    return static_cast<wasi::Errno>(result);
  }

  template <class T>
  T load(Range range) const {
    return GuestMemory({const_cast<std::uint8_t*>(buffer_.data()), buffer_.size()})
        .load<T>(range.offset)
        .value_or(T{});
  }
  std::string_view text(Range range) const {
    return {reinterpret_cast<const char*>(buffer_.data()) + range.offset, range.length};
  }

 private:
  HostCall& host_;
  std::vector<std::uint8_t> buffer_;
};

/// Name of wasi:filesystem/types.error-code for a preview 1 number.
std::string_view error_code_name(wasi::Errno code);

/// `result::err(error-code)`.
Value failed(wasi::Errno code);
/// `result::ok`, or the error.
Value outcome_of(wasi::Errno code);

/// Reads and writes of files, for streams and descriptors: at most max_transfer_bytes.
struct FileRead {
  wasi::Errno code = wasi::Errno::success;
  std::string bytes;
};
FileRead read_file(HostCall& call, std::uint32_t fd, std::uint64_t offset, std::uint64_t length);
struct FileWrite {
  wasi::Errno code = wasi::Errno::success;
  std::uint64_t written = 0;
};
FileWrite write_file(HostCall& call, std::uint32_t fd, std::uint64_t offset,
                     std::string_view bytes);
/// At the end of the file, wherever that is by then.
FileWrite append_to_file(HostCall& call, std::uint32_t fd, std::string_view bytes);

/// What a descriptor is, and what may be done with it.
struct Opened {
  wasi::Errno code = wasi::Errno::success;
  wasi::Fdstat stat{};
};
Opened look_at(HostCall& call, std::uint32_t fd);

void close_file(ComponentRun& run, std::uint32_t fd) noexcept;
/// One stream less uses the descriptor number.
void release_stream(ComponentRun& run, std::uint32_t fd) noexcept;

}  // namespace omnisandbox::wasm::component::wasi02
