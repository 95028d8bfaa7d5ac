#include "wasm/component/host/held_bytes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "wasm/abi/limits.h"
#include "wasm/component/limits.h"

namespace omnisandbox::wasm::component::host {
namespace {

// WIT writes names with hyphens where ours have underscores.
std::string kind_name(ErrorKind kind) {
  std::string name(to_string(kind));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

Value denial_value(const Denial& denial) {
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("capability", Value::string(to_string(denial.capability)));
  fields.emplace_back("resource", Value::string(denial.resource));
  fields.emplace_back("rule", Value::string(denial.rule));
  fields.emplace_back("reason", Value::string(denial.reason));
  fields.emplace_back("remedy", Value::string(denial.remedy));
  return Value::record(std::move(fields));
}

HeldBytes& self(HostCall& call) { return held(call, call.arg(0)); }

void construct(HostCall& call) { call.give(call.keep(ResourceKind::bytes, HeldBytes{})); }

void size(HostCall& call) { call.give(Value::u64(self(call).bytes.size())); }

void chunk(HostCall& call) {
  const HeldBytes& bytes = self(call);
  const std::uint64_t offset = std::min<std::uint64_t>(u64_of(call.arg(1)), bytes.bytes.size());
  call.give(Value::bytes(
      std::string_view(bytes.bytes).substr(static_cast<std::size_t>(offset), max_transfer_bytes)));
}

void append_text_to(HostCall& call, std::string_view added) {
  HeldBytes& bytes = self(call);
  if (const auto room = check_room(call, added.size()); !room) {
    call.give(failure(call, room.error()));
    return;
  }
  call.run.held_bytes += added.size();
  bytes.bytes += added;
  call.give(Value::ok());
}

void append(HostCall& call) { append_text_to(call, bytes_of(call.arg(1))); }

void append_text(HostCall& call) { append_text_to(call, string_of(call.arg(1))); }

void text(HostCall& call) {
  const HeldBytes& bytes = self(call);
  if (!base::is_utf8(bytes.bytes)) {
    call.give(failure(call, base::make_error(ErrorKind::invalid_argument,
                                             "the content is not UTF-8 text; read it as bytes")));
    return;
  }
  call.give(Value::ok(Value::string(bytes.bytes)));
}

void drop_bytes(ComponentRun& run, std::uint32_t number) noexcept {
  if (const auto* bytes = run.resources.find<HeldBytes>(number)) {
    run.held_bytes -= bytes->bytes.size();
    run.resources.drop(number);
  }
}

constexpr std::array resources = {ResourceEntry{"bytes", ResourceKind::bytes, &drop_bytes}};
constexpr std::array functions = {FunctionEntry{"[constructor]bytes", &construct},
                                  FunctionEntry{"[method]bytes.size", &size},
                                  FunctionEntry{"[method]bytes.chunk", &chunk},
                                  FunctionEntry{"[method]bytes.append", &append},
                                  FunctionEntry{"[method]bytes.append-text", &append_text},
                                  FunctionEntry{"[method]bytes.text", &text}};

}  // namespace

Value error_value(const Error& error) {
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("kind", Value::enumeration(kind_name(error.kind)));
  fields.emplace_back("message", Value::string(error.message));
  fields.emplace_back("denial",
                      error.denial ? Value::some(denial_value(*error.denial)) : Value::none());
  return Value::record(std::move(fields));
}

Value failure(HostCall& call, const Error& error) {
  // The run's own deadline, which is over for the guest too; a command's or a server's is not.
  if (const auto in_time = call.guest().context.check_time(); !in_time) {
    call.end_guest(in_time.error().kind == ErrorKind::cancelled ? GuestCall::End::cancelled
                                                                : GuestCall::End::timeout);
  }
  return Value::error(error_value(error));
}

Expected<void> check_room(const HostCall& call, std::uint64_t bytes) {
  const std::uint64_t limit = abi::held_bytes_limit(call.guest().context.limits());
  if (bytes > limit - std::min(limit, call.run.held_bytes)) {
    return base::make_error(ErrorKind::limit,
                            "the host keeps {} bytes for this run already, and {} are allowed; "
                            "drop what is not needed any more",
                            call.run.held_bytes, limit);
  }
  return {};
}

Expected<Value> keep_bytes(HostCall& call, std::string bytes) {
  TRY(check_room(call, bytes.size()));
  call.run.held_bytes += bytes.size();
  return call.keep(ResourceKind::bytes, HeldBytes{std::move(bytes)});
}

HeldBytes& held(HostCall& call, const wasmtime_component_val_t& value) {
  auto* bytes = call.run.resources.find<HeldBytes>(call.handle_of(value, ResourceKind::bytes));
  if (bytes == nullptr) {
    throw WrongType();
  }
  return *bytes;
}

Interface types_interface() { return {"omnisandbox:host/types@1.0.0", resources, functions}; }

}  // namespace omnisandbox::wasm::component::host
