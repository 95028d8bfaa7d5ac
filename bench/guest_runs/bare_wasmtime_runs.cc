// wasmtime through its C API and nothing else: the floor for what OmniSandbox builds on it. Pooled
// instances, a memory limit, epochs and WASI, but no policy, audit, deadline or output limit.
#include <wasi.h>
#include <wasm.h>
#include <wasmtime.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "guest_runs.h"

namespace {

using omnisandbox::bench::fail;

constexpr std::size_t memory_limit_bytes = 16 << 20;  // the default of OmniSandbox
constexpr std::size_t keep_resident_bytes = 1 << 20;  // cleared by memset instead of by the kernel
constexpr std::uint64_t epochs_ahead = 1'000'000;     // nothing ends these runs

void require(wasmtime_error_t* error, const char* step) {
  if (error != nullptr) {
    wasm_name_t message;
    wasmtime_error_message(error, &message);
    fail(std::string(step) + ": " + std::string(message.data, message.size));
  }
}

wasm_engine_t* make_engine() {
  wasm_config_t* config = wasm_config_new();
  wasmtime_config_epoch_interruption_set(config, true);
  wasmtime_pooling_allocation_config_t* pool = wasmtime_pooling_allocation_config_new();
  wasmtime_pooling_allocation_config_max_memory_size_set(pool, memory_limit_bytes);
  wasmtime_pooling_allocation_config_total_memories_set(pool, 64);
  wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, keep_resident_bytes);
  wasmtime_pooling_allocation_config_table_keep_resident_set(pool, keep_resident_bytes);
  wasmtime_pooling_allocation_strategy_set(config, pool);
  wasmtime_pooling_allocation_config_delete(pool);
  return wasm_engine_new_with_config(config);
}

std::ptrdiff_t append_output(void* output, const unsigned char* bytes, std::size_t count) {
  static_cast<std::string*>(output)->append(reinterpret_cast<const char*>(bytes), count);
  return static_cast<std::ptrdiff_t>(count);
}

std::string run_once(wasm_engine_t* engine, const wasmtime_instance_pre_t* prepared,
                     const std::string& readable_folder, const std::string& argument,
                     const std::string& input) {
  std::string output;
  wasmtime_store_t* store = wasmtime_store_new(engine, nullptr, nullptr);
  wasmtime_context_t* context = wasmtime_store_context(store);
  wasmtime_store_limiter(store, memory_limit_bytes, -1, -1, -1, -1);
  wasmtime_context_set_epoch_deadline(context, epochs_ahead);

  wasi_config_t* wasi = wasi_config_new();
  const char* args[] = {"guest", argument.c_str()};
  wasi_config_set_argv(wasi, argument.empty() ? 1 : 2, args);
  wasm_byte_vec_t stdin_bytes;
  wasm_byte_vec_new(&stdin_bytes, input.size(), input.data());
  wasi_config_set_stdin_bytes(wasi, &stdin_bytes);
  wasi_config_set_stdout_custom(wasi, append_output, &output, nullptr);
  if (!readable_folder.empty() &&
      !wasi_config_preopen_dir(wasi, readable_folder.c_str(), readable_folder.c_str(), false)) {
    fail("the folder cannot be opened");
  }
  require(wasmtime_context_set_wasi(context, wasi), "WASI");

  wasmtime_instance_t instance;
  wasm_trap_t* trap = nullptr;
  require(wasmtime_instance_pre_instantiate(prepared, context, &instance, &trap), "instantiate");
  wasmtime_extern_t start;
  if (trap != nullptr || !wasmtime_instance_export_get(context, &instance, "_start", 6, &start)) {
    fail("the guest has no _start, or trapped before it");
  }
  wasmtime_error_t* error =
      wasmtime_func_call(context, &start.of.func, nullptr, 0, nullptr, 0, &trap);
  int exit_code = 0;
  if (trap != nullptr ||
      (error != nullptr && (!wasmtime_error_exit_status(error, &exit_code) || exit_code != 0))) {
    fail("the guest did not end with exit code 0");
  }
  if (error != nullptr) {
    wasmtime_error_delete(error);
  }
  wasmtime_store_delete(store);
  return output;
}

omnisandbox::bench::RunGuest prepare(const omnisandbox::bench::Guest& guest) {
  std::ifstream file(guest.path, std::ios::binary);
  const std::vector<char> code{std::istreambuf_iterator<char>(file), {}};
  // Engine, linker and module live as long as the program.
  wasm_engine_t* engine = make_engine();
  wasmtime_linker_t* linker = wasmtime_linker_new(engine);
  require(wasmtime_linker_define_wasi(linker), "WASI");
  wasmtime_module_t* module = nullptr;
  require(wasmtime_module_new(engine, reinterpret_cast<const std::uint8_t*>(code.data()),
                              code.size(), &module),
          "compile");
  wasmtime_instance_pre_t* prepared = nullptr;
  require(wasmtime_linker_instantiate_pre(linker, module, &prepared), "link");
  return [engine, prepared, readable_folder = guest.readable_folder](const std::string& argument,
                                                                     const std::string& input) {
    return run_once(engine, prepared, readable_folder, argument, input);
  };
}

}  // namespace

int main(int argc, char** argv) {
  return omnisandbox::bench::measure_guest_runs(argc, argv, prepare);
}
