#include "wasm/module/compiled_module.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_handles.h"
#include "linux/thread_sanitizer.h"
#include "wasm/cache/load_cached.h"
#include "wasm/limits.h"
#include "wasm/module/module_text.h"

namespace omnisandbox::wasm {
namespace {

std::string_view text_of(const wasm_name_t* name) { return {name->data, name->size}; }

class ImportTypes {
 public:
  explicit ImportTypes(const wasmtime_module_t* module) {
    wasmtime_module_imports(module, &types_);
  }
  ~ImportTypes() { wasm_importtype_vec_delete(&types_); }
  ImportTypes(const ImportTypes&) = delete;
  ImportTypes& operator=(const ImportTypes&) = delete;
  std::span<wasm_importtype_t* const> all() const { return {types_.data, types_.size}; }

 private:
  wasm_importtype_vec_t types_{};
};

class ExportTypes {
 public:
  explicit ExportTypes(const wasmtime_module_t* module) {
    wasmtime_module_exports(module, &types_);
  }
  ~ExportTypes() { wasm_exporttype_vec_delete(&types_); }
  ExportTypes(const ExportTypes&) = delete;
  ExportTypes& operator=(const ExportTypes&) = delete;
  std::span<wasm_exporttype_t* const> all() const { return {types_.data, types_.size}; }

 private:
  wasm_exporttype_vec_t types_{};
};

bool is_offered(std::string_view module_name, std::string_view name) {
  for (const HostModule* module : offered_modules()) {
    if (module->name == module_name) {
      return std::ranges::any_of(
          module->functions, [&](const HostFunctionEntry& entry) { return entry.name == name; });
    }
  }
  return false;
}

Expected<void> check_imports(const wasmtime_module_t* module) {
  const ImportTypes imports(module);
  std::string missing;
  std::size_t count = 0;
  for (const wasm_importtype_t* import : imports.all()) {
    const std::string_view from = text_of(wasm_importtype_module(import));
    const std::string_view name = text_of(wasm_importtype_name(import));
    if (is_offered(from, name)) {
      continue;
    }
    if (++count <= max_reported_imports) {
      missing += missing.empty() ? "" : ", ";
      missing += base::printable(from, max_frame_name_bytes) + "." +
                 base::printable(name, max_frame_name_bytes);
    }
  }
  if (count == 0) {
    return {};
  }
  if (count > max_reported_imports) {
    missing += fmt::format(" and {} more", count - max_reported_imports);
  }
  return base::make_error(
      ErrorKind::invalid_argument,
      "the module imports what is not offered: {}; a guest may import the functions of "
      "wasi_snapshot_preview1 and omnisandbox_v1 (docs/guest_abi.md), nothing else",
      missing);
}

// Neither parameters nor results, as _start and _initialize must be.
bool is_plain_function(const wasm_exporttype_t* type) {
  const wasm_functype_t* function = wasm_externtype_as_functype_const(wasm_exporttype_type(type));
  return function != nullptr && wasm_functype_params(function)->size == 0 &&
         wasm_functype_results(function)->size == 0;
}

Expected<CompiledModule::Entry> find_entry(const wasmtime_module_t* module,
                                           const ModuleShape& shape) {
  using Entry = CompiledModule::Entry;
  const ExportTypes exports(module);
  Entry entry = shape.has_start_function ? Entry::start_section_only : Entry::none;
  for (const wasm_exporttype_t* type : exports.all()) {
    const std::string_view name = text_of(wasm_exporttype_name(type));
    const bool is_command = name == "_start";
    if (!is_command && name != "_initialize") {
      continue;
    }
    if (!is_plain_function(type)) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "the module's export {} is not a function without parameters and results", name);
    }
    if (is_command) {
      return Entry::command;
    }
    entry = Entry::reactor;
  }
  return entry;
}

/// A module's binary with what was read from it; `from_text` holds it where it was text.
struct Binary {
  std::span<const std::byte> bytes;
  ModuleShape shape;
};

Expected<Binary> take_binary(std::span<const std::byte> bytes, ByteVector& from_text) {
  bytes = TRY(binary_of(bytes, from_text));
  const ModuleShape shape = TRY(read_module_shape(bytes));
  return Binary{.bytes = bytes, .shape = shape};
}

Expected<ModuleOwner> compile_binary(Engine& engine, std::span<const std::byte> binary) {
  wasmtime_module_t* module = nullptr;
  // Memory of the compiler goes from one compile to the next, under its own locks.
  const linux_::UnwatchedAccess unwatched;
  const ErrorOwner error(wasmtime_module_new(
      engine.get(), reinterpret_cast<const std::uint8_t*>(binary.data()), binary.size(), &module));
  if (error != nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the module is not valid: {}",
                            message_of(*error));
  }
  return ModuleOwner(module);
}

// Code that was authenticated; the engine refuses what another version or processor made.
ModuleOwner load_code(Engine& engine, std::span<const std::byte> code) {
  wasmtime_module_t* module = nullptr;
  const ErrorOwner error(wasmtime_module_deserialize(
      engine.get(), reinterpret_cast<const std::uint8_t*>(code.data()), code.size(), &module));
  return ModuleOwner(error == nullptr ? module : nullptr);
}

ModuleOwner map_code(Engine& engine, const std::string& path) {
  wasmtime_module_t* module = nullptr;
  const ErrorOwner error(wasmtime_module_deserialize_file(engine.get(), path.c_str(), &module));
  return ModuleOwner(error == nullptr ? module : nullptr);
}

using LoadedModule = LoadedCode<ModuleOwner, ModuleShape>;

Digest engine_digest(const Engine& engine) {
  const std::string fingerprint = engine.fingerprint();
  return sha256(std::as_bytes(std::span(fingerprint)));
}

/// The module's code in the engine's own format.
Expected<void> serialize(const wasmtime_module_t* module, ByteVector& code) {
  const ErrorOwner error(
      wasmtime_module_serialize(const_cast<wasmtime_module_t*>(module), code.out()));
  if (error != nullptr) {
    return base::make_error(ErrorKind::internal, "the compiled module cannot be serialized: {}",
                            message_of(*error));
  }
  return {};
}

// The cache is there to save time: that it cannot be written is nobody's failure.
void add_to(const ModuleCache& cache, const CacheKey& key, const ModuleShape& shape,
            const wasmtime_module_t* module) {
  ByteVector code;
  if (serialize(module, code)) {
    static_cast<void>(
        cache.store({.key = key, .shape = shape, .code = std::as_bytes(code.bytes())}));
  }
}

/// A file that `seal` made, with its shape.
Expected<LoadedModule> load_sealed(Engine& engine, std::span<const std::byte> bytes,
                                   const ModuleCache* cache) {
  if (cache == nullptr) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the module is compiled already, and without a module cache nothing "
                            "says that it can be trusted; use the .wasm file");
  }
  const CacheEntry entry = TRY(cache->unseal(bytes));
  const auto* shape = std::get_if<ModuleShape>(&entry.shape);
  ModuleOwner module = shape != nullptr && entry.key.engine == engine_digest(engine)
                           ? load_code(engine, entry.code)
                           : nullptr;
  if (module == nullptr) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "the module was compiled for another engine, processor, isolation or policy "
        "(fuel_limit); compile the .wasm file again");
  }
  return LoadedModule{std::move(module), *shape};
}

}  // namespace

Expected<std::shared_ptr<const CompiledModule>> CompiledModule::link(
    Engine& engine, const wasmtime_module_t* module, const ModuleShape& shape, CacheUse cache_use) {
  TRY(check_imports(module));
  const Entry entry = TRY(find_entry(module, shape));
  wasmtime_instance_pre_t* raw_instance = nullptr;
  const ErrorOwner link_error(
      wasmtime_linker_instantiate_pre(engine.linker(), module, &raw_instance));
  if (link_error != nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the module does not fit the host: {}",
                            message_of(*link_error));
  }
  const auto slots = static_cast<std::uint32_t>(
      std::max<std::uint64_t>({1, shape.memory_count, shape.table_count}));
  return std::shared_ptr<const CompiledModule>(
      new CompiledModule(InstancePreOwner(raw_instance), entry, slots, cache_use));
}

Expected<std::shared_ptr<const CompiledModule>> CompiledModule::compile(
    Engine& engine, ModuleInput& input, std::uint64_t memory_limit_bytes,
    const ModuleCache* cache) {
  if (input.is_sealed()) {
    const auto sealed = TRY(input.bytes());
    const auto [module, shape] = TRY(load_sealed(engine, sealed, cache));
    TRY(check_module_shape(shape, memory_limit_bytes));
    return link(engine, module.get(), shape, CacheUse::hit);
  }
  CacheKey key;
  if (cache != nullptr) {
    key = {.module = input.digest(), .engine = engine_digest(engine)};
    const auto cached = load_cached<ModuleShape>(
        *cache, key,
        [&](const linux_::Fd& file) { return map_code(engine, linux_::name_of(file)); },
        [&](std::span<const std::byte> code) { return load_code(engine, code); });
    if (cached) {
      TRY(check_module_shape(cached->shape, memory_limit_bytes));
      return link(engine, cached->code.get(), cached->shape, CacheUse::hit);
    }
  }
  const auto bytes = TRY(input.bytes());
  ByteVector from_text;
  const Binary binary = TRY(take_binary(bytes, from_text));
  TRY(check_module_shape(binary.shape, memory_limit_bytes));
  const ModuleOwner module = TRY(compile_binary(engine, binary.bytes));
  if (cache == nullptr) {
    return link(engine, module.get(), binary.shape, CacheUse::none);
  }
  auto linked = TRY(link(engine, module.get(), binary.shape, CacheUse::miss));
  // A file may have been read only now, and be another one than it was known as.
  key.module = input.digest();
  add_to(*cache, key, binary.shape, module.get());
  return linked;
}

Expected<std::vector<std::byte>> CompiledModule::seal(Engine& engine,
                                                      std::span<const std::byte> bytes,
                                                      const ModuleCache& cache) {
  ByteVector from_text;
  const Binary binary = TRY(take_binary(bytes, from_text));
  TRY(check_module_shape(binary.shape, std::numeric_limits<std::uint64_t>::max()));
  const ModuleOwner module = TRY(compile_binary(engine, binary.bytes));
  ByteVector code;
  TRY(serialize(module.get(), code));
  return cache.seal({.key = {.module = sha256(bytes), .engine = engine_digest(engine)},
                     .shape = binary.shape,
                     .code = std::as_bytes(code.bytes())});
}

Expected<CompiledModule::Serialized> CompiledModule::compile_for_others(
    Engine& engine, std::span<const std::byte> bytes, std::uint64_t memory_limit_bytes) {
  ByteVector from_text;
  const Binary binary = TRY(take_binary(bytes, from_text));
  TRY(check_module_shape(binary.shape, memory_limit_bytes));
  const ModuleOwner module = TRY(compile_binary(engine, binary.bytes));
  TRY(link(engine, module.get(), binary.shape, CacheUse::none));
  ByteVector code;
  TRY(serialize(module.get(), code));
  const auto serialized = code.bytes();
  return Serialized{.code = {serialized.data(), serialized.size()}, .shape = binary.shape};
}

Expected<std::shared_ptr<const CompiledModule>> CompiledModule::load(
    Engine& engine, std::span<const std::byte> code, const ModuleShape& shape) {
  const ModuleOwner module = load_code(engine, code);
  if (module == nullptr) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the module's compiled code does not fit this engine or processor");
  }
  return link(engine, module.get(), shape, CacheUse::none);
}

Expected<std::shared_ptr<const CompiledModule>> CompiledModule::load(Engine& engine,
                                                                     const std::string& path,
                                                                     const ModuleShape& shape) {
  const ModuleOwner module = map_code(engine, path);
  if (module == nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the compiled module {} is no use",
                            base::printable(path));
  }
  return link(engine, module.get(), shape, CacheUse::none);
}

}  // namespace omnisandbox::wasm
