#include "wasm/bind.h"

#include <gmock/gmock.h>

#include <new>
#include <stdexcept>
#include <string>

#include "host_functions/host_functions_impl.h"
#include "wasm/engine/engine.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

std::int64_t wide(GuestCall&, std::uint32_t a, std::int64_t b, std::uint64_t c, std::int32_t d) {
  return static_cast<std::int64_t>(a) + b + static_cast<std::int64_t>(c) + d;
}
void nothing(GuestCall&) {}
std::int32_t throws(GuestCall&) { throw std::runtime_error("evil\n"); }
std::int32_t runs_out(GuestCall&) { throw std::bad_alloc(); }
std::int32_t throws_oddly(GuestCall&) { throw 5; }
std::int32_t memory_size(GuestCall& call) { return static_cast<std::int32_t>(call.memory.size()); }
void exits(GuestCall& call) {
  call.run.exit_code = 9;
  call.end_guest(GuestCall::End::exit);
}

/// One run of a module that imports the functions above from "test".
class Bind : public ::testing::Test {
 protected:
  /// The value that the module's export "f" returns; -1 when it ended by a trap.
  std::int64_t call(std::string_view imports_and_body) {
    static constexpr HostFunctionEntry entries[] = {bind<&wide>("wide"),
                                                    bind<&nothing>("nothing"),
                                                    bind<&throws>("throws"),
                                                    bind<&runs_out>("runs_out"),
                                                    bind<&exits>("exits"),
                                                    bind<&throws_oddly>("throws_oddly"),
                                                    bind<&memory_size>("memory_size")};
    LinkerOwner linker(wasmtime_linker_new(engine->get()));
    for (const HostFunctionEntry& entry : entries) {
      const FunctionTypeOwner type(entry.make_type());
      const ErrorOwner error(wasmtime_linker_define_func_unchecked(
          linker.get(), "test", 4, entry.name.data(), entry.name.size(), type.get(), entry.callback,
          nullptr, nullptr));
      EXPECT_EQ(error, nullptr);
    }
    ByteVector binary;
    const std::string text = "(module " + std::string(imports_and_body) + ")";
    const ErrorOwner wrong_text(wasmtime_wat2wasm(text.data(), text.size(), binary.out()));
    EXPECT_EQ(wrong_text, nullptr);
    wasmtime_module_t* raw = nullptr;
    const ErrorOwner invalid(wasmtime_module_new(
        engine->get(), reinterpret_cast<const std::uint8_t*>(binary.bytes().data()),
        binary.bytes().size(), &raw));
    const ModuleOwner module(raw);
    const StoreOwner store(wasmtime_store_new(engine->get(), &run, nullptr));
    wasmtime_context_t* context = wasmtime_store_context(store.get());
    wasmtime_context_set_epoch_deadline(context, 1'000'000);
    wasmtime_instance_t instance;
    wasm_trap_t* trap = nullptr;
    const ErrorOwner unlinked(
        wasmtime_linker_instantiate(linker.get(), context, module.get(), &instance, &trap));
    EXPECT_TRUE(unlinked == nullptr && trap == nullptr);
    wasmtime_extern_t function;
    EXPECT_TRUE(wasmtime_instance_export_get(context, &instance, "f", 1, &function));
    wasmtime_val_t value{};
    const ErrorOwner failed(
        wasmtime_func_call(context, &function.of.func, nullptr, 0, &value, 1, &trap));
    const TrapOwner owner(trap);
    return failed != nullptr || trap != nullptr ? -1 : value.of.i64;
  }

  std::shared_ptr<Engine> engine = Engine::shared(FuelMetering::no).value();
  HostFunctions functions = HostFunctions::create(Policy::compile({}).value()).value();
  GuestRun run{functions, *functions.impl().context};
};

TEST_F(Bind, PassesAndReturnsNumbersOfBothSizes) {
  EXPECT_EQ(call(R"((import "test" "wide" (func $wide (param i32 i64 i64 i32) (result i64)))
      (func (export "f") (result i64)
        (call $wide (i32.const -1) (i64.const -5) (i64.const 7) (i32.const -2))))"),
            0xFFFFFFFF - 5 + 7 - 2);
  EXPECT_EQ(call(R"((import "test" "nothing" (func $nothing))
      (func (export "f") (result i64) (call $nothing) (i64.const 3)))"),
            3);
  EXPECT_EQ(run.ended_by, GuestCall::End::none);
}

TEST_F(Bind, FindsTheExportedMemoryAsLargeAsItIsNow) {
  constexpr std::string_view body = R"((func (export "f") (result i64)
      (drop (call $size)) (drop (memory.grow (i32.const 2)))
      (i64.extend_i32_u (call $size))))";
  const std::string import = R"((import "test" "memory_size" (func $size (result i32))))";
  EXPECT_EQ(call(import + R"((memory (export "memory") 1))" + std::string(body)), 3 * 65536);
}

TEST_F(Bind, TakesNothingElseForTheMemory) {
  const std::string rest = R"((import "test" "memory_size" (func $size (result i32)))
      (func (export "f") (result i64) (i64.extend_i32_u (call $size))))";
  EXPECT_EQ(call(rest + "(memory 1)"), 0);
  EXPECT_EQ(call(rest + R"((global (export "memory") i32 (i32.const 1)))"), 0);
  EXPECT_EQ(call(rest + R"((func (export "memory")))"), 0);
}

TEST_F(Bind, TurnsExceptionsIntoAnEndOfTheGuest) {
  for (const auto& [name, message] :
       std::vector<std::pair<std::string, std::string>>{{"throws", "evil\\n"},
                                                        {"runs_out", "out of memory"},
                                                        {"throws_oddly", "unknown error"}}) {
    run.ended_by = GuestCall::End::none;
    EXPECT_EQ(call("(import \"test\" \"" + name + R"(" (func $throws (result i32)))
        (func (export "f") (result i64) (i64.extend_i32_u (call $throws))))"),
              -1);
    EXPECT_EQ(run.ended_by, GuestCall::End::failed);
    EXPECT_EQ(run.end_message, message);
  }
}

TEST_F(Bind, EndsTheGuestWhereAFunctionAsksForIt) {
  EXPECT_EQ(call(R"((import "test" "exits" (func $exits))
      (func (export "f") (result i64) (call $exits) (i64.const 3)))"),
            -1);
  EXPECT_EQ(run.ended_by, GuestCall::End::exit);
  EXPECT_EQ(run.exit_code, 9);
}

}  // namespace
}  // namespace omnisandbox::wasm
