#include "wasm/component/compiled_component.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_handles.h"
#include "linux/thread_sanitizer.h"
#include "wasm/cache/load_cached.h"
#include "wasm/component/host/interfaces.h"
#include "wasm/component/limits.h"
#include "wasm/component/wasi/interfaces.h"
#include "wasm/module/module_text.h"

namespace omnisandbox::wasm::component {
namespace {

// "wasi:io/poll" of "wasi:io/poll@0.2.12".
std::string_view without_version(std::string_view name) { return name.substr(0, name.find('@')); }

bool is_offered(std::string_view import) {
  for (const auto interfaces :
       {wasi02::cli_interfaces(), wasi02::clock_interfaces(), wasi02::io_interfaces(),
        wasi02::filesystem_interfaces(), wasi02::socket_interfaces(), host::interfaces()}) {
    if (std::ranges::any_of(interfaces, [&](const Interface& interface) {
          return without_version(interface.name) == without_version(import);
        })) {
      return true;
    }
  }
  return false;
}

class Item {
 public:
  ~Item() {
    if (filled_) {
      wasmtime_component_item_delete(&item_);
    }
  }
  Item() = default;
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;
  wasmtime_component_item_t* out() { return &item_; }
  void set_filled() { filled_ = true; }

 private:
  wasmtime_component_item_t item_{};
  bool filled_ = false;
};

Expected<void> check_imports(const wasm_engine_t* engine, const wasmtime_component_t* component) {
  const ComponentTypeOwner type(wasmtime_component_type(component));
  std::string missing;
  std::size_t count = 0;
  const std::size_t imports = wasmtime_component_type_import_count(type.get(), engine);
  for (std::size_t index = 0; index < imports; ++index) {
    const char* name_data = nullptr;
    std::size_t name_size = 0;
    Item item;
    if (!wasmtime_component_type_import_nth(type.get(), engine, index, &name_data, &name_size,
                                            item.out())) {
      continue;
    }
    item.set_filled();
    const std::string_view name(name_data, name_size);
    if (name.starts_with("wasi:http/")) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the component imports {}, which no policy could judge; use "
                              "omnisandbox:host/http@1.0.0 instead (guests/wit/host.wit)",
                              base::printable(name));
    }
    if (!is_offered(name) && ++count <= max_reported_imports) {
      missing += (missing.empty() ? "" : ", ") + base::printable(name, max_frame_name_bytes);
    }
  }
  if (count == 0) {
    return {};
  }
  return base::make_error(ErrorKind::invalid_argument,
                          "the component imports what is not offered: {}; it may import WASI 0.2 "
                          "and omnisandbox:host@1.0.0 (guests/wit/host.wit)",
                          missing);
}

Expected<ComponentOwner> compile_binary(const ComponentEngine& engine,
                                        std::span<const std::byte> binary) {
  wasmtime_component_t* component = nullptr;
  // Memory of the compiler goes from one compile to the next, under its own locks.
  const linux_::UnwatchedAccess unwatched;
  const ErrorOwner error(
      wasmtime_component_new(engine.get(), reinterpret_cast<const std::uint8_t*>(binary.data()),
                             binary.size(), &component));
  if (error != nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the component is not valid: {}",
                            message_of(*error));
  }
  return ComponentOwner(component);
}

// Code that was authenticated; the engine refuses what another version or processor made.
ComponentOwner load_code(const ComponentEngine& engine, std::span<const std::byte> code) {
  wasmtime_component_t* component = nullptr;
  const ErrorOwner error(wasmtime_component_deserialize(
      engine.get(), reinterpret_cast<const std::uint8_t*>(code.data()), code.size(), &component));
  return ComponentOwner(error == nullptr ? component : nullptr);
}

Expected<ComponentOwner> map_code(const ComponentEngine& engine, const std::string& path) {
  wasmtime_component_t* component = nullptr;
  const ErrorOwner error(
      wasmtime_component_deserialize_file(engine.get(), path.c_str(), &component));
  if (error != nullptr) {
    return base::make_error(ErrorKind::invalid_argument, "the compiled component {} is no use: {}",
                            base::printable(path), message_of(*error));
  }
  return ComponentOwner(component);
}

}  // namespace

std::string component_fingerprint(FuelMetering fuel) {
  return "component; " + engine_fingerprint(fuel);
}

Expected<std::shared_ptr<const CompiledComponent>> CompiledComponent::compile(
    const ComponentEngine& engine, std::span<const std::byte> bytes,
    std::uint64_t memory_limit_bytes) {
  return compile_as(CacheUse::none, engine, bytes, memory_limit_bytes);
}

Expected<std::shared_ptr<const CompiledComponent>> CompiledComponent::compile_as(
    CacheUse use, const ComponentEngine& engine, std::span<const std::byte> bytes,
    std::uint64_t memory_limit_bytes) {
  ByteVector from_text;
  bytes = TRY(binary_of(bytes, from_text));
  const ComponentShape shape = TRY(read_component_shape(bytes, memory_limit_bytes));
  ComponentOwner component = TRY(compile_binary(engine, bytes));
  TRY(check_imports(engine.get(), component.get()));
  return std::shared_ptr<const CompiledComponent>(
      new CompiledComponent(std::move(component), shape, use));
}

Expected<std::shared_ptr<const CompiledComponent>> CompiledComponent::find_or_compile(
    const ComponentEngine& engine, ModuleInput& input, std::uint64_t memory_limit_bytes,
    const ModuleCache* cache) {
  if (cache == nullptr) {
    return compile(engine, TRY(input.bytes()), memory_limit_bytes);
  }
  const std::string fingerprint = component_fingerprint(engine.fuel());
  CacheKey key{.module = input.digest(), .engine = sha256(std::as_bytes(std::span(fingerprint)))};
  auto cached = load_cached<ComponentShape>(
      *cache, key,
      [&](const linux_::Fd& file) {
        auto mapped = map_code(engine, linux_::name_of(file));
        return mapped ? *std::move(mapped) : nullptr;
      },
      [&](std::span<const std::byte> code) { return load_code(engine, code); });
  if (cached) {
    TRY(check_start_memory(cached->shape, memory_limit_bytes));
    return std::shared_ptr<const CompiledComponent>(
        new CompiledComponent(std::move(cached->code), cached->shape, CacheUse::hit));
  }
  const auto bytes = TRY(input.bytes());
  auto compiled = TRY(compile_as(CacheUse::miss, engine, bytes, memory_limit_bytes));
  // A file may have been read only now, and be another one than it was known as.
  key.module = input.digest();
  // That the cache cannot be written is nobody's failure.
  if (const auto code = compiled->serialize()) {
    static_cast<void>(cache->store(
        {.key = key, .shape = compiled->shape(), .code = std::as_bytes(std::span(*code))}));
  }
  return compiled;
}

Expected<std::shared_ptr<const CompiledComponent>> CompiledComponent::load(
    const ComponentEngine& engine, std::span<const std::byte> code, const ComponentShape& shape) {
  ComponentOwner component = load_code(engine, code);
  if (component == nullptr) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the component's compiled code does not fit this engine or processor");
  }
  return std::shared_ptr<const CompiledComponent>(
      new CompiledComponent(std::move(component), shape, CacheUse::none));
}

Expected<std::shared_ptr<const CompiledComponent>> CompiledComponent::load(
    const ComponentEngine& engine, const std::string& path, const ComponentShape& shape) {
  ComponentOwner component = TRY(map_code(engine, path));
  return std::shared_ptr<const CompiledComponent>(
      new CompiledComponent(std::move(component), shape, CacheUse::none));
}

Expected<std::string> CompiledComponent::serialize() const {
  ByteVector bytes;
  const ErrorOwner error(wasmtime_component_serialize(component_.get(), bytes.out()));
  if (error != nullptr) {
    return base::make_error(ErrorKind::internal, "the component cannot be written: {}",
                            message_of(*error));
  }
  return std::string(bytes.bytes().data(), bytes.bytes().size());
}

std::uint32_t CompiledComponent::pool_slots() const noexcept {
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, shape_.memory_count));
}

ExportIndexOwner CompiledComponent::find_export(std::string_view interface,
                                                std::string_view name) const {
  ExportIndexOwner in;
  if (!interface.empty()) {
    in.reset(wasmtime_component_get_export_index(component_.get(), nullptr, interface.data(),
                                                 interface.size()));
    if (in == nullptr) {
      return nullptr;
    }
  }
  return ExportIndexOwner(
      wasmtime_component_get_export_index(component_.get(), in.get(), name.data(), name.size()));
}

}  // namespace omnisandbox::wasm::component
