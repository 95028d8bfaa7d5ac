#include "wasm/module/compiled_module.h"

#include <gmock/gmock.h>

#include <random>
#include <string>

#include "base/test_effort.h"
#include "wasm/limits.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Entry = CompiledModule::Entry;

class CompiledModules : public ::testing::Test {
 protected:
  Expected<std::shared_ptr<const CompiledModule>> compile(std::string_view module) {
    ModuleInput input = ModuleInput::borrow(bytes_of(module));
    return CompiledModule::compile(*engine_, input, 16 * mebibyte, nullptr);
  }
  Error error_of(std::string_view module) {
    auto compiled = compile(module);
    if (compiled) {
      ADD_FAILURE() << "compiled: " << module;
      return {};
    }
    EXPECT_EQ(compiled.error().kind, ErrorKind::invalid_argument);
    EXPECT_THAT(compiled.error().message, Not(HasSubstr("\n")));
    return std::move(compiled).error();
  }

  std::shared_ptr<Engine> engine_ = Engine::shared(FuelMetering::no).value();
};

TEST_F(CompiledModules, FindWhatARunCalls) {
  EXPECT_EQ((*compile("(module)"))->entry(), Entry::none);
  EXPECT_EQ((*compile("(module (func $f) (start $f))"))->entry(), Entry::start_section_only);
  EXPECT_EQ((*compile(R"((module (func (export "_initialize"))))"))->entry(), Entry::reactor);
  EXPECT_EQ(
      (*compile(R"((module (func (export "_initialize")) (func (export "_start"))))"))->entry(),
      Entry::command);
}

TEST_F(CompiledModules, NeedAnEntryThatTakesAndGivesNothing) {
  for (const char* module : {R"((module (func (export "_start") (param i32))))",
                             R"((module (func (export "_start") (result i32) i32.const 0)))",
                             R"((module (memory (export "_start") 1)))",
                             R"((module (global (export "_initialize") i32 i32.const 0)))"}) {
    EXPECT_THAT(error_of(module).message, HasSubstr("without parameters and results"));
  }
}

TEST_F(CompiledModules, MayImportWhatIsOfferedOnly) {
  EXPECT_TRUE(compile(R"((module (import "wasi_snapshot_preview1" "fd_write"
      (func (param i32 i32 i32 i32) (result i32))) (import "omnisandbox_v1" "abi_version" (func (result i32)))))"));
  const Error unknown = error_of(R"((module (import "env" "memcpy_big" (func))
      (import "wasi_unstable" "fd_write" (func)) (import "wasi_snapshot_preview1" "sock_connect" (func))))");
  EXPECT_THAT(
      unknown.message,
      HasSubstr("env.memcpy_big, wasi_unstable.fd_write, wasi_snapshot_preview1.sock_connect"));
  EXPECT_THAT(unknown.message, HasSubstr("omnisandbox_v1"));
  EXPECT_THAT(error_of(R"((module (import "env" "memory" (memory 1))))").message,
              HasSubstr("env.memory"));
  EXPECT_THAT(error_of(R"((module (import "a\0a\1b[2J" "b\00" (func))))").message,
              HasSubstr("a\\n\\x1b[2J.b\\x00"));
  std::string many = "(module";
  for (int count = 0; count < 1'000; ++count) {
    many += "(import \"m" + std::to_string(count) + "\" \"f\" (func))";
  }
  const Error short_list = error_of(many + ")");
  EXPECT_THAT(short_list.message, HasSubstr("m4.f and 995 more"));
}

TEST_F(CompiledModules, MustImportUnderTheRightType) {
  EXPECT_THAT(
      error_of(R"((module (import "omnisandbox_v1" "abi_version" (func (result i64)))))").message,
      HasSubstr("abi_version"));
  EXPECT_THAT(error_of(R"((module (import "omnisandbox_v1" "abi_version" (global i32))))").message,
              HasSubstr("abi_version"));
}

TEST_F(CompiledModules, MayNotUseFeaturesThatAreLeftOut) {
  error_of("(module (memory 1 1 shared))");
  error_of("(module (memory i64 1))");
  error_of("(module (type (struct (field i32))))");
  error_of("(module (tag))");
  error_of("(module (func (param externref)))");
  error_of("(component)");
  error_of("");
  error_of("hello");
  error_of("(module (func (result i32)))");
}

TEST_F(CompiledModules, MayUseWhatCompilersEmit) {
  EXPECT_TRUE(compile(R"((module (memory 1) (table 1 funcref) (global $g (mut i64) (i64.const 0))
      (func $tail (result i32) (return_call $tail))
      (func (result i32 i64) (i32.const 1) (i64.const 2))
      (func (param i32) (result i32) (i32.extend8_s (local.get 0)))
      (func (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))
      (func (param v128) (result v128) (i32x4.add (local.get 0) (local.get 0)))
      (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)))))"));
}

// A binary with a little of everything that a section can hold.
std::string varied_binary() {
  constexpr std::string_view text = R"((module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "omnisandbox_v1" "fs_read" (func $fs_read (param i32 i32 i64 i64) (result i32)))
    (memory (export "memory") 1 4) (memory $second 0 2)
    (table $t 4 funcref) (elem (i32.const 0) $add $sum) (elem declare func $add)
    (global $g (mut i64) (i64.const 7)) (global (export "pi") f64 (f64.const 3.14))
    (data (i32.const 16) "some initial data") (data $passive "passive")
    (type $binary (func (param i32 i32) (result i32)))
    (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $sum (type $binary) (local $i i32)
      (loop $again
        (local.set $i (i32.add (local.get $i) (local.get 0)))
        (br_if $again (i32.lt_u (local.get $i) (local.get 1))))
      (local.get $i))
    (func $grow (result i32) (memory.grow (i32.const 1)))
    (func $vector (param v128) (result v128) (i32x4.mul (local.get 0) (local.get 0)))
    (func (export "_start") (local $n i32)
      (memory.init $passive (i32.const 100) (i32.const 0) (i32.const 7))
      (drop (call_indirect $t (type $binary) (i32.const 1) (i32.const 100) (i32.const 1)))
      (drop (call $grow))
      (global.set $g (i64.mul (global.get $g) (i64.const 3)))
      (block $done (block $other
        (br_table $done $other (i32.and (i32.load (i32.const 16)) (i32.const 1))))
        (i32.store (i32.const 200) (i32.const 5)))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
      (drop (call $fs_read (i32.const 16) (i32.const 9) (i64.const 0) (i64.const -1))))))";
  ByteVector binary;
  const ErrorOwner error(wasmtime_wat2wasm(text.data(), text.size(), binary.out()));
  return std::string(binary.bytes().data(), binary.bytes().size());
}

TEST_F(CompiledModules, SurviveBeingCutOffAnywhere) {
  const std::string whole = varied_binary();
  ASSERT_TRUE(compile(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto compiled = compile(std::string_view(whole).substr(0, length));
    if (!compiled) {
      EXPECT_FALSE(compiled.error().message.empty());
    }
  }
}

TEST_F(CompiledModules, SurviveThousandsOfMutations) {
  const std::string whole = varied_binary();
  Config config;
  config.fuel_limit = 100'000;
  config.timeout = std::chrono::seconds(60);
  Runtime runtime = make_runtime(config);
  std::mt19937 random(20'240'607);
  int ran = 0;
  for (int round = 0; round < test::rounds(400, 5'000); ++round) {
    std::string mutated = whole;
    const auto changes = 1 + random() % 4;
    for (unsigned change = 0; change < changes; ++change) {
      const std::size_t position = random() % mutated.size();
      switch (random() % 4) {
        case 0:
          mutated[position] = static_cast<char>(random());
          break;
        case 1:
          mutated[position] = static_cast<char>(mutated[position] ^ (1 << (random() % 8)));
          break;
        case 2:
          mutated.erase(position, 1 + random() % 8);
          break;
        default:
          mutated.insert(position, 1, static_cast<char>(random()));
          break;
      }
    }
    const auto result = runtime.run(bytes_of(mutated));
    if (result) {
      ++ran;
      EXPECT_THAT(result->status, ::testing::AnyOf(Status::ok, Status::exited, Status::trap,
                                                   Status::fuel_exhausted, Status::memory_limit))
          << message_of(*result);
      EXPECT_LE(result->peak_memory_bytes, 16 * mebibyte);
    } else {
      EXPECT_THAT(result.error().kind,
                  ::testing::AnyOf(ErrorKind::invalid_argument, ErrorKind::memory, ErrorKind::limit,
                                   ErrorKind::too_large))
          << result.error().message;
    }
  }
  EXPECT_GT(ran, 20);  // some mutations are harmless, and those must run
}

}  // namespace
}  // namespace omnisandbox::wasm
