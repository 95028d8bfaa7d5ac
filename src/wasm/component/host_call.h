#pragma once

#include <wasmtime.h>
#include <wasmtime/component.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "wasm/component/component_run.h"
#include "wasm/component/values.h"

namespace omnisandbox::wasm::component {

/// One call of a component into the host.
struct HostCall {
  ComponentRun& run;
  wasmtime_context_t* context;
  std::span<const wasmtime_component_val_t> args;
  std::span<wasmtime_component_val_t> results;
  GuestCall::End end = GuestCall::End::none;

  GuestRun& guest() const { return *run.guest; }

  /// Throws WrongType for what the component has not declared.
  const wasmtime_component_val_t& arg(std::size_t index) const;
  /// The number behind an argument that is a handle, borrowed or given. Throws WrongType for
  /// another kind of resource.
  std::uint32_t handle(std::size_t index, ResourceKind kind) const;
  std::uint32_t handle_of(const wasmtime_component_val_t& value, ResourceKind kind) const;
  /// The thing behind a handle; throws WrongType when it is none of ours.
  template <class T>
  T& resource(std::size_t index, ResourceKind kind) const {
    T* found = run.resources.find<T>(handle(index, kind));
    if (found == nullptr) {
      throw WrongType();
    }
    return *found;
  }

  void give(Value value);
  /// A handle for the guest to own.
  Value own(ResourceKind kind, std::uint32_t number) const;
  /// Keeps `item` and makes its handle; ends the guest where it holds too many already.
  Value keep(ResourceKind kind, ResourceTable::Item item);

  void end_guest(GuestCall::End why) { end = why; }
  /// Gives back all handles among the arguments, for a function that does nothing with them: the
  /// engine traps where a borrowed one is kept. For arguments that are no lists or records.
  void release_handles() const;

  /// The guest did what no correct guest does; it traps, with this message.
  void trap(std::string message);
};

using HostFunction = void (*)(HostCall&);

struct FunctionEntry {
  std::string_view name;
  HostFunction function;
};

struct ResourceEntry {
  std::string_view name;
  ResourceKind kind;
  /// Frees what the number stands for.
  void (*drop)(ComponentRun& run, std::uint32_t number) noexcept;
};

/// An interface that components may import, such as "wasi:io/poll@0.2.12". The engine takes it for
/// every compatible version.
struct Interface {
  std::string_view name;
  std::span<const ResourceEntry> resources;
  std::span<const FunctionEntry> functions;
};

/// For resources that live in the ResourceTable.
void drop_from_table(ComponentRun& run, std::uint32_t number) noexcept;
/// For resources of which there is never one.
void drop_nothing(ComponentRun& run, std::uint32_t number) noexcept;

/// Offers `interface` to everything that `linker` links.
Expected<void> define(wasmtime_component_linker_t* linker, const Interface& interface);

}  // namespace omnisandbox::wasm::component
