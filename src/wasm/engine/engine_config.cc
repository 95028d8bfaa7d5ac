#include "wasm/engine/engine_config.h"

#include "linux/thread_sanitizer.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

/// What the engine finds out about this processor, taken back where others may lack it. Code that
/// uses less than a processor has is accepted on it.
void leave_out_rare_instructions([[maybe_unused]] wasm_config_t* config) {
#ifdef __x86_64__
  for (const char* feature :
       {"has_avx", "has_avx2", "has_avx512bitalg", "has_avx512dq", "has_avx512f", "has_avx512vbmi",
        "has_avx512vl", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt"}) {
    wasmtime_config_cranelift_flag_set(config, feature, "false");
  }
#endif
}

}  // namespace

ConfigOwner make_engine_config(FuelMetering fuel, CompileFor processors) {
  ConfigOwner owner(wasm_config_new());
  wasm_config_t* config = owner.get();
  wasmtime_config_epoch_interruption_set(config, true);
  wasmtime_config_consume_fuel_set(config, static_cast<bool>(fuel));
  wasmtime_config_max_wasm_stack_set(config, guest_stack_bytes);
  wasmtime_config_memory_init_cow_set(config, true);
  wasmtime_config_memory_reservation_set(config, memory_reservation_bytes);
  wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
  if (processors == CompileFor::many_processors) {
    leave_out_rare_instructions(config);
  }
  // One compile, one core: a hostile module must not take all of them, and the process gets no
  // hidden pool of threads.
  wasmtime_config_parallel_compilation_set(config, false);
  wasmtime_config_wasm_multi_memory_set(config, true);
  wasmtime_config_wasm_simd_set(config, true);
  wasmtime_config_wasm_relaxed_simd_set(config, true);
  wasmtime_config_wasm_tail_call_set(config, true);
  wasmtime_config_wasm_threads_set(config, false);
  wasmtime_config_shared_memory_set(config, false);
  wasmtime_config_wasm_memory64_set(config, false);
  wasmtime_config_wasm_exceptions_set(config, false);
  wasmtime_config_wasm_gc_set(config, false);
  wasmtime_config_wasm_function_references_set(config, false);
  wasmtime_config_gc_support_set(config, false);
  wasmtime_config_wasm_wide_arithmetic_set(config, false);
  wasmtime_config_wasm_custom_page_sizes_set(config, false);
  wasmtime_config_wasm_stack_switching_set(config, false);
  return owner;
}

omnisandbox_pool_settings make_pool_settings() {
  omnisandbox_pool_settings pool{};
  pool.max_memories_per_module = max_memories_per_module;
  pool.max_tables_per_module = max_tables_per_module;
  pool.max_unused_warm_slots = max_unused_warm_slots;
  pool.max_memory_bytes = memory_reservation_bytes;
  pool.max_table_elements = max_table_elements;
  pool.max_instance_bytes = max_instance_bytes;
  pool.table_keep_resident_bytes = table_keep_resident_bytes;
  return pool;
}

}  // namespace omnisandbox::wasm

#ifdef OMNISANDBOX_THREAD_SANITIZER
// Asked by its runtime at the start of a program. What it takes for calls inside of a signal
// handler is the engine's way out of a guest's fault, at a place where it may allocate; there is no
// other handler in this project.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" const char* __tsan_default_options() { return "report_signal_unsafe=0"; }
#endif
