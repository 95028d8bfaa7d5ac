#include "wasm/bind.h"

#include <exception>
#include <new>

#include "base/error.h"

namespace omnisandbox::wasm {
namespace {

GuestMemory memory_of(wasmtime_caller_t* caller, wasmtime_context_t* context, GuestRun& run) {
  if (!run.memory_export) {
    constexpr std::string_view name = "memory";
    wasmtime_extern_t item;
    if (!wasmtime_caller_export_get(caller, name.data(), name.size(), &item)) {
      return GuestMemory({});
    }
    if (item.kind != WASMTIME_EXTERN_MEMORY) {
      wasmtime_extern_delete(&item);
      return GuestMemory({});
    }
    run.memory_export = item.of.memory;
  }
  return GuestMemory({wasmtime_memory_data(context, &*run.memory_export),
                      wasmtime_memory_data_size(context, &*run.memory_export)});
}

}  // namespace

GuestCall begin_call(wasmtime_caller_t* caller) {
  wasmtime_context_t* context = wasmtime_caller_context(caller);
  auto& run = *static_cast<GuestRun*>(wasmtime_context_get_data(context));
  return GuestCall{.run = run, .memory = memory_of(caller, context, run)};
}

wasm_trap_t* finish_call(const GuestCall& call) noexcept {
  if (call.end == GuestCall::End::none) {
    return nullptr;
  }
  call.run.ended_by = call.end;
  // The text is for nobody: the runtime reads `ended_by`.
  constexpr std::string_view text = "ended by the host";
  return wasmtime_trap_new(text.data(), text.size());
}

void fail_call(GuestCall& call) noexcept {
  call.end = GuestCall::End::failed;
  // Assigning may throw again when memory is out; a short text fits into the string itself.
  try {
    throw;
  } catch (const std::bad_alloc&) {
    call.run.end_message = "out of memory";
  } catch (const std::exception& error) {
    try {
      call.run.end_message = base::printable(error.what());
    } catch (...) {
      call.run.end_message = "out of memory";
    }
  } catch (...) {
    call.run.end_message = "unknown error";
  }
}

}  // namespace omnisandbox::wasm
