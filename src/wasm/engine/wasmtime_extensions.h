#pragma once

#include <wasm.h>
#include <wasmtime.h>

#include <cstddef>
#include <cstdint>

/// The C side of third_party/wasmtime/src/lib.rs: what wasmtime's own C API lacks. Layouts must
/// agree with the Rust structs.
extern "C" {

struct omnisandbox_pool_settings {
  std::uint32_t total_component_instances;
  std::uint32_t total_instances;  ///< core instances
  std::uint32_t total_memories;
  std::uint32_t total_tables;
  std::uint32_t max_instances_per_component;
  std::uint32_t max_memories_per_component;
  std::uint32_t max_tables_per_component;
  std::uint32_t max_memories_per_module;
  std::uint32_t max_tables_per_module;
  std::uint32_t max_unused_warm_slots;
  std::uint64_t max_memory_bytes;
  std::uint64_t max_table_elements;
  std::uint64_t max_instance_bytes;
  std::uint64_t max_component_instance_bytes;
  std::uint64_t memory_keep_resident_bytes;
  std::uint64_t table_keep_resident_bytes;
};

/// An engine with such a pool. Null on failure, with the reason in `message`. `config` stays the
/// caller's.
wasm_engine_t* omnisandbox_engine_new(const wasm_config_t* config,
                                      const omnisandbox_pool_settings* pool, char* message,
                                      std::size_t message_size);

/// Bounds and present totals over all memories and tables of one store.
struct omnisandbox_store_usage {
  std::uint64_t memory_limit_bytes;
  std::uint64_t memory_bytes;  ///< never falls: memories only grow
  std::uint64_t table_elements_limit;
  std::uint64_t table_elements;
  bool memory_refused;  ///< a growth was refused because of the limit
  bool table_refused;
};

/// Bounds what `store` holds by `usage`, which must outlive it.
void omnisandbox_store_limit(wasmtime_store_t* store, omnisandbox_store_usage* usage);
}
