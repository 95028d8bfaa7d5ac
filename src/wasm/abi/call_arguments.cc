#include "wasm/abi/call_arguments.h"

#include "base/error.h"
#include "base/units.h"
#include "wasm/abi/error_codes.h"

namespace omnisandbox::wasm::abi {

std::optional<std::span<std::uint8_t>> bytes_at(GuestCall& call, std::string_view function,
                                                GuestRange range) {
  auto bytes = call.memory.slice(range.address, range.length);
  if (!bytes) {
    call.run.end_message = fmt::format(
        "it passed omnisandbox_v1.{} a range outside its memory: {} bytes at {:#x}, of {} bytes in "
        "all",
        function, range.length, range.address, call.memory.size());
    call.end_guest(GuestCall::End::bad_pointer);
  }
  return bytes;
}

std::optional<std::string_view> text_at(GuestCall& call, std::string_view function,
                                        GuestRange range) {
  const auto bytes = bytes_at(call, function, range);
  if (!bytes) {
    return std::nullopt;
  }
  return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

Expected<void> check_length(std::string_view argument, GuestRange range,
                            std::uint32_t limit_bytes) {
  if (range.length > limit_bytes) {
    return base::make_error(ErrorKind::too_large, "the {} has {}; {} are allowed", argument,
                            base::format_byte_size(range.length),
                            base::format_byte_size(limit_bytes));
  }
  return {};
}

HandleTable& handles_of(GuestRun& run) {
  if (run.handles == nullptr) {
    run.handles = std::make_unique<HandleTable>(run.context.limits());
  }
  return *run.handles;
}

std::int32_t keep(GuestCall& call, StoredResult result) {
  const auto handle = handles_of(call.run).add(std::move(result));
  return handle ? *handle : fail(call, handle.error());
}

}  // namespace omnisandbox::wasm::abi
