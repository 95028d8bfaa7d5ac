#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host_functions/host_functions_impl.h"
#include "wasm/abi/error_codes.h"
#include "wasm/abi/functions.h"

namespace omnisandbox::wasm::abi {

/// One run without an engine: the functions of omnisandbox_v1 over a plain buffer as the guest's
/// memory.
class AbiTestRun {
 public:
  static constexpr std::uint32_t memory_bytes = 65536;

  explicit AbiTestRun(Config config, HostFunctionOptions options = {})
      : functions_(make_functions(std::move(config), std::move(options))),
        run(functions_, *functions_.impl().context) {}

  GuestCall call() { return {.run = run, .memory = GuestMemory(memory)}; }

  /// Puts `text` into the memory and returns its address; the next one stands behind it.
  std::uint32_t put(std::string_view text) {
    const std::uint32_t address = next_;
    next_ += static_cast<std::uint32_t>(text.size());
    if (next_ > memory.size()) {
      std::abort();
    }
    std::memcpy(memory.data() + address, text.data(), text.size());
    return address;
  }

  std::string error() {
    GuestCall last = call();
    const std::int32_t length = last_error(last, 60'000, 4'096);
    return {reinterpret_cast<const char*>(memory.data()) + 60'000,
            static_cast<std::size_t>(length)};
  }

  /// All bytes of a part.
  std::string part(std::int32_t handle, std::int32_t index) {
    GuestCall reading = call();
    const std::int32_t length = result_read(reading, handle, index, 0, 40'000, 20'000);
    if (length < 0) {
      ADD_FAILURE() << "part " << index << ": " << error();
      return {};
    }
    return {reinterpret_cast<const char*>(memory.data()) + 40'000,
            static_cast<std::size_t>(length)};
  }

 private:
  static HostFunctions make_functions(Config config, HostFunctionOptions options) {
    auto policy = Policy::compile(std::move(config));
    options.path_view = PathView::guest;
    auto functions = HostFunctions::create(std::move(policy).value(), std::move(options));
    return std::move(functions).value();
  }

  HostFunctions functions_;
  std::uint32_t next_ = 16;

 public:
  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(memory_bytes);
  GuestRun run;
};

constexpr std::int32_t code(ErrorCode error) { return static_cast<std::int32_t>(error); }

}  // namespace omnisandbox::wasm::abi
