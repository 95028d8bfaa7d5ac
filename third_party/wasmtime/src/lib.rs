//! wasmtime's C API, and the two things that it lacks and OmniSandbox cannot do without: an engine that reports that it
//! could not be made (the C API aborts the process), and a store limiter that bounds all memories of a run together and
//! remembers what it refused (the C API's bounds each memory alone, and tells nobody).
//! The C declarations are in src/wasm/engine/wasmtime_extensions.h.

pub use wasmtime_c_api::*;

use std::ffi::c_char;
use std::num::NonZeroUsize;
use wasmtime_c_api::wasmtime::{
    Config, Enabled, Engine, Error, InstanceAllocationStrategy, PoolingAllocationConfig,
    ResourceLimiter, Result, Store, WasmBacktraceDetails,
};

// The C API keeps the wrapped value private. These types are `repr(C)` with that value as their only field, so a
// pointer to the wrapper is a pointer to the value; the sizes are compared to notice when that changes.
const _: () = {
    assert!(size_of::<wasm_config_t>() == size_of::<Config>());
    assert!(size_of::<wasm_engine_t>() == size_of::<Engine>());
    assert!(size_of::<wasmtime_store_t>() == size_of::<Store<WasmtimeStoreData>>());
};

#[repr(C)]
pub struct omnisandbox_pool_settings {
    pub total_component_instances: u32,
    pub total_instances: u32,
    pub total_memories: u32,
    pub total_tables: u32,
    pub max_instances_per_component: u32,
    pub max_memories_per_component: u32,
    pub max_tables_per_component: u32,
    pub max_memories_per_module: u32,
    pub max_tables_per_module: u32,
    pub max_unused_warm_slots: u32,
    pub max_memory_bytes: u64,
    pub max_table_elements: u64,
    pub max_instance_bytes: u64,
    pub max_component_instance_bytes: u64,
    pub memory_keep_resident_bytes: u64,
    pub table_keep_resident_bytes: u64,
}

fn pooling(settings: &omnisandbox_pool_settings) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(settings.total_instances)
        .total_memories(settings.total_memories)
        .total_tables(settings.total_tables)
        .total_stacks(0)
        .total_gc_heaps(0)
        .total_component_instances(settings.total_component_instances)
        .max_core_instances_per_component(settings.max_instances_per_component)
        .max_memories_per_component(settings.max_memories_per_component)
        .max_tables_per_component(settings.max_tables_per_component)
        .max_component_instance_size(settings.max_component_instance_bytes as usize)
        .max_memories_per_module(settings.max_memories_per_module)
        .max_tables_per_module(settings.max_tables_per_module)
        .max_unused_warm_slots(settings.max_unused_warm_slots)
        .max_memory_size(settings.max_memory_bytes as usize)
        .table_elements(settings.max_table_elements as usize)
        .max_core_instance_size(settings.max_instance_bytes as usize)
        .linear_memory_keep_resident(settings.memory_keep_resident_bytes as usize)
        .table_keep_resident(settings.table_keep_resident_bytes as usize)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Makes an engine with a pool. Null on failure; `message` then holds why, cut to `message_size` with its NUL. `config`
/// stays the caller's.
///
/// # Safety
/// The pointers are valid; `message` has room for `message_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn omnisandbox_engine_new(
    config: *const wasm_config_t,
    pool: *const omnisandbox_pool_settings,
    message: *mut c_char,
    message_size: usize,
) -> *mut wasm_engine_t {
    let mut config = unsafe { (*config.cast::<Config>()).clone() };
    // DWARF of an untrusted module would be read while its trap is handled, for as long as it likes.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(32));
    let pool = pooling(unsafe { &*pool });
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match Engine::new(&config) {
        Ok(engine) => Box::into_raw(Box::new(engine)).cast(),
        Err(error) => {
            let text = format!("{error:?}");
            let length = text.len().min(message_size.saturating_sub(1));
            if message_size > 0 {
                unsafe {
                    std::ptr::copy_nonoverlapping(text.as_ptr(), message.cast::<u8>(), length);
                    *message.add(length) = 0;
                }
            }
            std::ptr::null_mut()
        }
    }
}

/// Shared with C++: bounds and present totals of one store. Only the thread that runs the store touches it.
#[repr(C)]
pub struct omnisandbox_store_usage {
    pub memory_limit_bytes: u64,
    pub memory_bytes: u64,
    pub table_elements_limit: u64,
    pub table_elements: u64,
    pub memory_refused: bool,
    pub table_refused: bool,
}

struct TotalLimiter {
    usage: *mut omnisandbox_store_usage,
}

// The store and its usage live and are used on one thread at a time, as the C++ side promises.
unsafe impl Send for TotalLimiter {}
unsafe impl Sync for TotalLimiter {}

impl ResourceLimiter for TotalLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let usage = unsafe { &mut *self.usage };
        // Beyond the module's own maximum it is the module that refuses, not the limit.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let added = desired.saturating_sub(current) as u64;
        if added > usage.memory_limit_bytes.saturating_sub(usage.memory_bytes) {
            usage.memory_refused = true;
            return Ok(false);
        }
        usage.memory_bytes += added;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        // Either the request is beyond what 32 bits address, and was never counted, or the system is out of memory. Then
        // what was counted stays counted: wasmtime does not say which it was, and the run is about to fail anyway.
        unsafe { (*self.usage).memory_refused = true };
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let usage = unsafe { &mut *self.usage };
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let added = desired.saturating_sub(current) as u64;
        if added
            > usage
                .table_elements_limit
                .saturating_sub(usage.table_elements)
        {
            usage.table_refused = true;
            return Ok(false);
        }
        usage.table_elements += added;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: Error) -> Result<()> {
        unsafe { (*self.usage).table_refused = true };
        Ok(())
    }

    // One module, instantiated once; how many memories and tables it may have is checked when it is compiled.
    fn instances(&self) -> usize {
        1
    }
}

/// Bounds everything that `store` will hold by `usage`, which must live as long as the store.
///
/// # Safety
/// The pointers are valid, and `usage` is used by the thread that runs the store only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn omnisandbox_store_limit(
    store: *mut wasmtime_store_t,
    usage: *mut omnisandbox_store_usage,
) {
    let store = unsafe { &mut *store.cast::<Store<WasmtimeStoreData>>() };
    let mut limiter = TotalLimiter { usage };
    store.limiter(move |_| {
        // The closure owns the limiter and is owned by the store, so the limiter outlives the reference.
        let limiter: *mut TotalLimiter = &mut limiter;
        unsafe { &mut *limiter }
    });
}
