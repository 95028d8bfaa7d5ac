// JSON ↔ component values. The first byte of the input chooses a type, the rest is JSON. Whatever
// it is, reading ends; and what is accepted is written as JSON that is accepted and written the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "wasm/component/json_values.h"
#include "wasm/component/type_parts.h"
#include "wasm/exports/component_exports.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::wasm;

// Only the types matter; nothing is ever called.
constexpr std::string_view component_text = R"((component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "f") (param i32 i32)))
  (core instance $i (instantiate $m))
  (type $point' (record (field "x" s32) (field "label" (option string))))
  (export $point "point" (type $point'))
  (type $shape' (variant (case "none") (case "circle" f64) (case "point" $point)))
  (export $shape "shape" (type $shape'))
  (type $colour' (enum "red" "green"))
  (export $colour "colour" (type $colour'))
  (type $access' (flags "read" "write"))
  (export $access "access" (type $access'))
  (func (export "a") (param "l" (list (tuple bool char f32 f64 s8 u8 s16 u16 u32 s64 u64))) (canon lift
    (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "b") (param "l" (list $shape)) (canon lift
    (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "c") (param "l" (list (option (option $access)))) (canon lift
    (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "d") (param "l" (list (result (list $colour) (error string)))) (canon lift
    (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
))";

struct Types {
  std::shared_ptr<component::ComponentEngine> engine;
  std::shared_ptr<const component::CompiledComponent> compiled;
  std::vector<exports::ComponentFunction> functions;

  Types() {
    auto made = component::ComponentEngine::shared(FuelMetering(false));
    ByteVector binary;
    const ErrorOwner error(
        wasmtime_wat2wasm(component_text.data(), component_text.size(), binary.out()));
    if (!made || error != nullptr) {
      std::abort();
    }
    engine = std::move(*made);
    auto component = component::CompiledComponent::compile(
        *engine, std::as_bytes(std::span(binary.bytes())), std::uint64_t{1} << 30);
    if (!component) {
      std::abort();
    }
    compiled = std::move(*component);
    functions = exports::component_functions(*engine, *compiled);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Types types;
  if (size == 0) {
    return 0;
  }
  const auto& function = types.functions[data[0] % types.functions.size()];
  const auto parameters = component::parameters(function.type.get());
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto value = component::value_from_json(json, parameters[0].type, "the input");
  if (!value) {
    return 0;
  }
  const auto written = component::value_to_json(value->get(), parameters[0].type);
  if (!written) {
    std::abort();
  }
  const auto again = component::value_from_json(*written, parameters[0].type, "what was written");
  if (!again || component::value_to_json(again->get(), parameters[0].type) != *written) {
    std::abort();
  }
  return 0;
}
