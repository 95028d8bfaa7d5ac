#include "wasm/component/host_call.h"

#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/engine/owners.h"

namespace omnisandbox::wasm::component {
namespace {

using LinkerInstanceOwner = std::unique_ptr<wasmtime_component_linker_instance_t,
                                            Destroy<&wasmtime_component_linker_instance_delete>>;
using ResourceTypeOwner = std::unique_ptr<wasmtime_component_resource_type_t,
                                          Destroy<&wasmtime_component_resource_type_delete>>;
using HostResourceOwner = std::unique_ptr<wasmtime_component_resource_host_t,
                                          Destroy<&wasmtime_component_resource_host_delete>>;

ComponentRun& run_of(wasmtime_context_t* context) {
  return *static_cast<ComponentRun*>(wasmtime_context_get_data(context));
}

// Inside a catch. A short text fits into the string itself, so nothing is thrown where memory is
// out.
void describe_exception(HostCall& call) noexcept {
  call.end = GuestCall::End::failed;
  try {
    throw;
  } catch (const std::bad_alloc&) {
    call.guest().end_message = "out of memory";
  } catch (const std::exception& error) {
    try {
      call.guest().end_message = base::printable(error.what());
    } catch (...) {
      call.guest().end_message = "out of memory";
    }
  } catch (...) {
    call.guest().end_message = "unknown error";
  }
}

// An exception must not reach the Rust frames above: that would abort the process.
wasmtime_error_t* call_host(void* data, wasmtime_context_t* context,
                            const wasmtime_component_func_type_t*, wasmtime_component_val_t* args,
                            std::size_t arg_count, wasmtime_component_val_t* results,
                            std::size_t result_count) noexcept {
  const auto& entry = *static_cast<const FunctionEntry*>(data);
  HostCall call{.run = run_of(context),
                .context = context,
                .args = {args, arg_count},
                .results = {results, result_count}};
  try {
    entry.function(call);
    call.run.outside->show_output(call.guest(), Outside::Moment::after_call);
  } catch (const WrongType&) {
    try {
      call.trap("it declares the host's function " + std::string(entry.name) +
                " with another type, or passed what the function does not take");
    } catch (...) {
      describe_exception(call);
    }
  } catch (...) {
    describe_exception(call);
  }
  if (call.end == GuestCall::End::none) {
    return nullptr;
  }
  call.guest().ended_by = call.end;
  // The text is for nobody: the runtime reads `ended_by`.
  return wasmtime_error_new("ended by the host");
}

wasmtime_error_t* drop_resource(void* data, wasmtime_context_t* context,
                                std::uint32_t number) noexcept {
  static_cast<const ResourceEntry*>(data)->drop(run_of(context), number);
  return nullptr;
}

Expected<void> check(wasmtime_error_t* error, std::string_view what) {
  const ErrorOwner owner(error);
  if (owner == nullptr) {
    return {};
  }
  ByteVector message;
  wasmtime_error_message(owner.get(), message.out());
  return base::make_error(ErrorKind::internal, "cannot offer {} to components: {}", what,
                          base::printable(message.text()));
}

// The C API takes `void*`; the entries are constants, which nobody writes to.
void* as_data(const void* entry) { return const_cast<void*>(entry); }

}  // namespace

const wasmtime_component_val_t& HostCall::arg(std::size_t index) const {
  if (index >= args.size()) {
    throw WrongType();
  }
  return args[index];
}

std::uint32_t HostCall::handle(std::size_t index, ResourceKind kind) const {
  return handle_of(arg(index), kind);
}

std::uint32_t HostCall::handle_of(const wasmtime_component_val_t& value, ResourceKind kind) const {
  if (value.kind != WASMTIME_COMPONENT_RESOURCE) {
    throw WrongType();
  }
  wasmtime_component_resource_host_t* host = nullptr;
  const ErrorOwner error(
      wasmtime_component_resource_any_to_host(context, value.of.resource, &host));
  if (error != nullptr) {
    throw WrongType();  // a resource of the component's own
  }
  const HostResourceOwner owner(host);
  if (wasmtime_component_resource_host_type(host) != static_cast<std::uint32_t>(kind)) {
    throw WrongType();
  }
  return wasmtime_component_resource_host_rep(host);
}

void HostCall::give(Value value) {
  if (results.size() != 1) {
    throw WrongType();
  }
  results[0] = value.release();
}

Value HostCall::own(ResourceKind kind, std::uint32_t number) const {
  const HostResourceOwner host(
      wasmtime_component_resource_host_new(true, number, static_cast<std::uint32_t>(kind)));
  wasmtime_component_val_t made{};
  made.kind = WASMTIME_COMPONENT_RESOURCE;
  const ErrorOwner error(
      wasmtime_component_resource_host_to_any(context, host.get(), &made.of.resource));
  if (error != nullptr) {
    throw std::bad_alloc();  // the engine's handle table is full
  }
  return Value(made);
}

Value HostCall::keep(ResourceKind kind, ResourceTable::Item item) {
  if (!run.resources.has_room()) {
    trap("it holds too many streams, pollables and buffers at once; it must drop them");
    return {};
  }
  return own(kind, run.resources.add(std::move(item)));
}

void HostCall::release_handles() const {
  for (const wasmtime_component_val_t& value : args) {
    if (value.kind == WASMTIME_COMPONENT_RESOURCE) {
      const ErrorOwner error(wasmtime_component_resource_any_drop(context, value.of.resource));
    }
  }
}

void HostCall::trap(std::string message) {
  guest().end_message = std::move(message);
  end = GuestCall::End::bad_pointer;
}

void drop_from_table(ComponentRun& run, std::uint32_t number) noexcept {
  run.resources.drop(number);
}

void drop_nothing(ComponentRun& /*run*/, std::uint32_t /*number*/) noexcept {}

Expected<void> define(wasmtime_component_linker_t* linker, const Interface& interface) {
  const LinkerInstanceOwner root(wasmtime_component_linker_root(linker));
  wasmtime_component_linker_instance_t* raw = nullptr;
  TRY(check(wasmtime_component_linker_instance_add_instance(root.get(), interface.name.data(),
                                                            interface.name.size(), &raw),
            interface.name));
  const LinkerInstanceOwner instance(raw);
  for (const ResourceEntry& resource : interface.resources) {
    const ResourceTypeOwner type(
        wasmtime_component_resource_type_new_host(static_cast<std::uint32_t>(resource.kind)));
    TRY(check(wasmtime_component_linker_instance_add_resource(
                  instance.get(), resource.name.data(), resource.name.size(), type.get(),
                  &drop_resource, as_data(&resource), nullptr),
              resource.name));
  }
  for (const FunctionEntry& function : interface.functions) {
    TRY(check(wasmtime_component_linker_instance_add_func(instance.get(), function.name.data(),
                                                          function.name.size(), &call_host,
                                                          as_data(&function), nullptr),
              function.name));
  }
  return {};
}

}  // namespace omnisandbox::wasm::component
