#include "omnisandbox/module_exports.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "omnisandbox/policy.h"
#include "wasm/test_support.h"

namespace omnisandbox {
namespace {

using namespace std::chrono_literals;

// A list that is passed in lies in the guest's memory as it is passed out, whatever its elements
// are: one core function answers for all of them.
constexpr std::string_view lists = R"((component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "spin") (loop $again (br $again)))
    (func (export "fail") unreachable)
    (func (export "hog") (result i32)
      (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))
      (i32.const 1))
    ;; Takes all memory that it may have, and counts the bytes that are not zero; then leaves a pattern.
    (func (export "scan") (result i32) (local $at i32) (local $found i32)
      (drop (memory.grow (i32.const 100)))
      (local.set $at (i32.const 65536))
      (loop $next
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
          (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
        (i64.store (local.get $at) (i64.const 0x5041545445524e21))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 6553600))))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (type $point' (record (field "x" s32) (field "label" (option string))))
  (export $point "point" (type $point'))
  (type $colour' (enum "red" "green"))
  (export $colour "colour" (type $colour'))
  (type $access' (flags "read" "write"))
  (export $access "access" (type $access'))
  (type $shape' (variant (case "none") (case "circle" f64)))
  (export $shape "shape" (type $shape'))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32) (canon lift (core func $i "add")))
  (func (export "text") (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "points") (param "l" (list $point)) (result (list $point))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "colours") (param "l" (list $colour)) (result (list $colour))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "accesses") (param "l" (list $access)) (result (list $access))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "shapes") (param "l" (list $shape)) (result (list $shape))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "options") (param "l" (list (option (option u8)))) (result (list (option (option u8))))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "results") (param "l" (list (result u32 (error string)))) (result (list (result u32 (error string))))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "tuples") (param "l" (list (tuple bool char f32 f64 s8 u64))) (result (list (tuple bool char f32 f64 s8 u64)))
    (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "fail") (canon lift (core func $i "fail")))
  (func (export "hog") (result s32) (canon lift (core func $i "hog")))
  (func (export "scan") (result u32) (canon lift (core func $i "scan")))
))";

ModuleExports load(std::string_view text, Config config = {}) {
  auto policy = Policy::compile(std::move(config));
  auto exports =
      ModuleExports::load(*policy, "test", wasm::bytes_of(text), wasm::tested_isolation());
  if (!exports) {
    ADD_FAILURE() << exports.error().message;
    std::abort();
  }
  return std::move(*exports);
}

ExportCall call(ModuleExports& exports, std::string_view function,
                std::vector<std::string> arguments, RunOptions options = {}) {
  auto called = exports.call(function, arguments, std::move(options));
  if (!called) {
    ADD_FAILURE() << function << ": " << called.error().message;
    return {};
  }
  return std::move(*called);
}

std::string refusal(ModuleExports& exports, std::string_view function,
                    std::vector<std::string> arguments) {
  const auto called = exports.call(function, arguments);
  EXPECT_FALSE(called) << function;
  return called ? "" : std::string(to_string(called.error().kind)) + ": " + called.error().message;
}

TEST(ComponentExports, AreListedAsWit) {
  const auto lines = *load(lists).list();
  const auto has = [&](std::string_view line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  EXPECT_TRUE(has("add: func(a: s32, b: s32) -> s32"));
  EXPECT_TRUE(has("text: func(text: string) -> string"));
  EXPECT_TRUE(has("spin: func()"));
  EXPECT_TRUE(has("results: func(l: list<result<u32, string>>) -> list<result<u32, string>>"));
  EXPECT_TRUE(
      has("shapes: func(l: list<variant { none, circle(f64) }>) -> list<variant { none, "
          "circle(f64) }>"));
}

TEST(ComponentExports, ValuesGoInAndOutAsJson) {
  ModuleExports exports = load(lists);
  EXPECT_EQ(call(exports, "add", {"2", "-5"}).value_json, "-3");
  const std::vector<std::pair<std::string, std::string>> same = {
      {"text", R"("größe \n \u0000 \" 😀")"},
      {"points", R"([{"x":-1,"label":null},{"x":2147483647,"label":"a"}])"},
      {"colours", R"(["red","green"])"},
      {"accesses", R"([[],["write"],["read","write"]])"},
      {"shapes", R"(["none",{"circle":1.5}])"},
      {"options", R"([null,[null],[7]])"},
      {"results", R"([{"ok":7},{"error":"no"}])"},
      {"tuples", R"([[true,"😀",1.5,"-inf",-128,18446744073709551615]])"}};
  for (const auto& [function, json] : same) {
    const auto answer = call(exports, function, {json});
    ASSERT_TRUE(answer.value_json) << function;
    // Through the parser again, for what JSON can write in two ways.
    EXPECT_EQ(call(exports, function, {*answer.value_json}).value_json, answer.value_json);
    if (function != "text") {
      EXPECT_EQ(*answer.value_json, json);
    }
  }
}

TEST(ComponentExports, WhatDoesNotFitIsRefusedBeforeTheCall) {
  ModuleExports exports = load(lists);
  const std::vector<std::tuple<std::string, std::vector<std::string>, std::string>> wrong = {
      {"add", {"1"}, "takes 2 arguments"},
      {"add", {"1", "2147483648"}, "the argument b must be s32"},
      {"add", {"1", "1.5"}, "the argument b must be s32"},
      {"add", {"1", "x"}, "the argument b is not JSON"},
      {"text", {"5"}, "the argument text must be string"},
      {"points", {R"([{"label":"a"}])"}, "the argument l[].x is missing"},
      {"points", {R"([{"x":1,"y":2}])"}, "has no field"},
      {"colours", {R"(["blue"])"}, "must be enum { red, green }"},
      {"accesses", {R"([["execute"]])"}, "must be flags"},
      {"shapes", {R"(["circle"])"}, "must be variant"},
      {"shapes", {R"([{"none":1}])"}, "must be variant"},
      {"options", {"[7]"}, "must be option<option<u8>>"},
      {"options", {"[[256]]"}, "must be u8"},
      {"results", {R"([{"ok":1,"error":"x"}])"}, "must be result<u32, string>"},
      {"tuples", {"[[true]]"}, "must be tuple<"},
      {"tuples", {R"([[true,"ab",1,1,1,1]])"}, "must be char"}};
  for (const auto& [function, arguments, message] : wrong) {
    const std::string refused = refusal(exports, function, arguments);
    EXPECT_TRUE(refused.starts_with("invalid_argument")) << refused;
    EXPECT_NE(refused.find(message), std::string::npos) << refused;
  }
  EXPECT_TRUE(refusal(exports, "absent", {}).starts_with("not_found"));
}

TEST(ComponentExports, DeepAndHugeJsonIsRefused) {
  ModuleExports exports = load(lists);
  EXPECT_NE(refusal(exports, "points", {std::string(1'000'000, '[')}), "");
  EXPECT_TRUE(refusal(exports, "text", {std::string(9'000'000, ' ')}).starts_with("too_large"));
}

TEST(ComponentExports, AResultBeyondTheOutputLimitIsTooLarge) {
  Config config;
  config.max_output_bytes = 100;
  ModuleExports exports = load(lists, config);
  const std::string fits = '"' + std::string(98, 'x') + '"';
  EXPECT_EQ(call(exports, "text", {fits}).value_json, fits);
  EXPECT_TRUE(
      refusal(exports, "text", {'"' + std::string(99, 'x') + '"'}).starts_with("too_large"));
  EXPECT_EQ(call(exports, "add", {"2", "-5"}).value_json, "-3");  // goes on
}

TEST(ComponentExports, ADeadlineIsToldByTheNameOfTheTimeout) {
  ModuleExports exports = load(lists, {.timeout = 40s});
  const auto message = [&](RunOptions options) {
    options.deadline = std::chrono::steady_clock::now() + 50ms;
    const Result result = call(exports, "spin", {}, std::move(options)).result;
    EXPECT_EQ(result.status, Status::timeout);
    return wasm::message_of(result);
  };
  EXPECT_NE(message({}).find("after 40 s (timeout)"), std::string::npos);
  EXPECT_NE(message({.timeout = 30s}).find("after 30 s (timeout)"), std::string::npos);
}

TEST(ComponentExports, EndsAreTold) {
  ModuleExports exports = load(lists);
  EXPECT_EQ(call(exports, "spin", {}, {.timeout = 100ms}).result.status, Status::timeout);
  EXPECT_EQ(call(exports, "fail", {}).result.status, Status::trap);
  const auto hog = call(exports, "hog", {});
  EXPECT_EQ(hog.result.status, Status::memory_limit);
  EXPECT_FALSE(hog.value_json);
  ModuleExports roomy = load(lists, {.memory_limit_mb = 100});
  EXPECT_EQ(call(roomy, "hog", {}).value_json, "1");
  ModuleExports metered = load(lists, {.fuel_limit = 10'000});
  EXPECT_EQ(call(metered, "spin", {}).result.status, Status::fuel_exhausted);
  EXPECT_EQ(call(metered, "add", {"1", "1"}).value_json, "2");
}

// The pool's memories are used again, by instances that must not see what was in them.
TEST(ComponentExports, MemoryOfAnEarlierCallIsNotSeen) {
  ModuleExports exports = load(lists);
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(call(exports, "scan", {}).value_json, "0");
  }
}

// What is restored page by page has a bound, of places and of bytes; beyond it lies as much again.
TEST(ComponentExports, PagesOfAnEarlierCallAreNotSeenHoweverTheyLie) {
  // Counts what is not as it was at the start, in one byte of each page that it visits, and changes
  // it.
  constexpr std::string_view visitor = R"((component
    (core module $m
      (memory 400)
      (data (i32.const 4096) "image")
      (func (export "visit") (param $stride i32) (param $bytes i32) (result i32)
        (local $at i32) (local $found i32)
        (local.set $found (i32.ne (i32.load (i32.const 4096)) (i32.const 0x67616d69)))
        (loop $next
          (local.set $found (i32.add (local.get $found)
            (i32.ne (i32.load8_u offset=100 (local.get $at)) (i32.const 0))))
          (i32.store8 offset=100 (local.get $at) (i32.const 1))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (br_if $next (i32.lt_u (local.get $at) (local.get $bytes))))
        (i32.store (i32.const 4096) (i32.const 0))
        (local.get $found)))
    (core instance $i (instantiate $m))
    (func (export "visit") (param "stride" u32) (param "bytes" u32) (result u32)
      (canon lift (core func $i "visit")))))";
  Config config;
  config.memory_limit_mb = 32;
  ModuleExports exports = load(visitor, config);
  const auto found = [&](int stride, int bytes) {
    return call(exports, "visit", {std::to_string(stride), std::to_string(bytes)}).value_json;
  };
  constexpr int page = 4096;
  constexpr int all = 400 * 64 * 1024;
  for (int round = 0; round < 2; ++round) {
    for (const auto& [stride, bytes] :
         {std::pair(2 * page, all), {page, all}, {2 * page, 128 * page}, {4 * page, all}}) {
      EXPECT_EQ(found(stride, bytes), "0") << stride << " of " << bytes;
    }
    // As many places as are listed, one less and one more.
    for (const int places : {511, 512, 513}) {
      for (int repeat = 0; repeat < 2; ++repeat) {
        EXPECT_EQ(found(2 * page, places * 2 * page), "0") << places;
      }
    }
  }
}

// The engine holds values to the component's own declaration of an import, so a hostile one can
// call a host function with anything.
TEST(ComponentImports, DeclaredWithAnotherTypeAreATrap) {
  for (const std::string_view type :
       {"(func (result string))", "(func)", "(func (param \"a\" u32) (result u64))",
        "(func (result u32))"}) {
    const std::string text =
        "(component (import \"wasi:random/random@0.2.0\" (instance $r (export "
        "\"get-random-bytes\" " +
        std::string(type) + "))) " + R"(
      (core module $libc (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
      (core instance $libc (instantiate $libc))
      (core func $f (canon lower (func $r "get-random-bytes") (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
      (core module $m (import "" "f" (func $f)) (func (export "go") (call $f))))";
    const std::string_view core_type = type == "(func (result string))" ? "(param i32)"
                                       : type == "(func)"               ? ""
                                       : type == "(func (result u32))"  ? "(result i32)"
                                                                       : "(param i32) (result i64)";
    std::string module = text;
    const std::string plain = "(func $f)) (func (export \"go\") (call $f))";
    const std::string given =
        core_type.find("param") != std::string_view::npos ? "(i32.const 8)" : "";
    const std::string drop = core_type.find("result") != std::string_view::npos ? "drop " : "";
    module.replace(module.find(plain), plain.size(),
                   "(func $f " + std::string(core_type) + ")) (func (export \"go\") (" +
                       (drop.empty() ? "call $f " + given : "drop (call $f " + given + ")") + "))");
    module += R"( (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
      (func (export "go") (canon lift (core func $i "go"))) ))";
    ModuleExports exports = load(module);
    const auto called = call(exports, "go", {});
    EXPECT_EQ(called.result.status, Status::trap) << type;
  }
}

TEST(ComponentImports, OfHttpOrOfUnknownThingsAreRefused) {
  for (const std::string_view name : {"wasi:http/outgoing-handler@0.2.0", "evil:host/run"}) {
    const std::string text =
        "(component (import \"" + std::string(name) + "\" (instance (export \"f\" (func)))))";
    auto policy = Policy::compile({});
    const auto refused =
        ModuleExports::load(*policy, "test", wasm::bytes_of(text), wasm::tested_isolation());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
    EXPECT_NE(refused.error().message.find(name.substr(0, 9)), std::string::npos);
  }
}

constexpr std::string_view sleeper = R"((component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $q))
    (export "pollable" (type $pp (eq $q)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pp))))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "" "block" (func $block (param i32)))
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "sleep") (param i64) (call $block (call $subscribe (local.get 0))))
    (func (export "hoard") (loop $again (drop (call $subscribe (i64.const 0))) (br $again))))
  (core instance $i (instantiate $m (with "" (instance
    (export "block" (func $block)) (export "subscribe" (func $subscribe))))))
  (func (export "sleep") (param "ns" u64) (canon lift (core func $i "sleep")))
  (func (export "hoard") (canon lift (core func $i "hoard")))
))";

TEST(ComponentImports, ASleepEndsAtTheDeadlineOrWithAStop) {
  ModuleExports exports = load(sleeper);
  EXPECT_EQ(call(exports, "sleep", {"1000000"}).result.status, Status::ok);
  for (const char* hour_or_for_ever : {"3600000000000", "18446744073709551615"}) {
    EXPECT_EQ(call(exports, "sleep", {hour_or_for_ever}, {.timeout = 100ms}).result.status,
              Status::timeout);
  }
  std::stop_source source;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(100ms);
    source.request_stop();
  });
  EXPECT_EQ(call(exports, "sleep", {"3600000000000"}, {.stop = source.get_token()}).result.status,
            Status::cancelled);
}

TEST(ComponentImports, HandlesThatAreNeverDroppedAreBounded) {
  ModuleExports exports = load(sleeper);
  const auto hoard = call(exports, "hoard", {});
  EXPECT_EQ(hoard.result.status, Status::trap);
  ASSERT_TRUE(hoard.result.error);
  EXPECT_NE(hoard.result.error->message.find("too many streams"), std::string::npos);
}

std::string command_returning(std::string_view result) {
  return R"((component
    (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
    (core func $exit (canon lower (func $exit "exit")))
    (core module $m (import "" "exit" (func $exit (param i32)))
      (func (export "run") (result i32) )" +
         std::string(result) + R"())
    (core instance $i (instantiate $m (with "" (instance (export "exit" (func $exit))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $command (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $command))))";
}

TEST(ComponentCommand, EndsWithItsOwnCode) {
  for (const auto& [body, status, code] :
       {std::tuple{"(i32.const 0)", Status::ok, 0}, std::tuple{"(i32.const 1)", Status::exited, 1},
        std::tuple{"(call $exit (i32.const 1)) (i32.const 0)", Status::exited, 1},
        std::tuple{"(call $exit (i32.const 0)) unreachable", Status::ok, 0},
        std::tuple{"unreachable", Status::trap, 134}}) {
    ModuleExports exports = load(command_returning(body));
    const auto result = exports.run();
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, status) << body;
    EXPECT_EQ(result->exit_code, code) << body;
  }
  ModuleExports no_command = load(lists);
  const auto refused = no_command.run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
}

TEST(CoreExports, AreListedAndCalled) {
  ModuleExports exports = load(R"((module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "wide") (param i64) (result i64) (local.get 0))
    (func (export "floats") (param f32 f64) (result f32 f64) (local.get 0) (local.get 1))
    (func (export "nothing"))
    (func (export "spin") (loop $again (br $again)))
    (global $ready (mut i32) (i32.const 0))
    (func (export "_initialize") (global.set $ready (i32.const 7)))
    (func (export "ready") (result i32) (global.get $ready))))");
  const auto lines = *exports.list();
  EXPECT_NE(std::find(lines.begin(), lines.end(), "add: func(i32, i32) -> i32"), lines.end());
  EXPECT_NE(std::find(lines.begin(), lines.end(), "floats: func(f32, f64) -> (f32, f64)"),
            lines.end());
  EXPECT_EQ(call(exports, "add", {"4294967295", "-2"}).value_json, "-3");
  EXPECT_EQ(call(exports, "wide", {"-9223372036854775808"}).value_json, "-9223372036854775808");
  EXPECT_EQ(call(exports, "floats", {"1.5", "\"nan\""}).value_json, "[1.5,\"nan\"]");
  EXPECT_EQ(call(exports, "nothing", {}).value_json, std::nullopt);
  EXPECT_EQ(call(exports, "ready", {}).value_json, "7");
  EXPECT_EQ(call(exports, "spin", {}, {.timeout = 100ms}).result.status, Status::timeout);
  for (const char* wrong : {"4294967296", "-2147483649", "1.5", "\"1\"", "x", ""}) {
    EXPECT_TRUE(refusal(exports, "add", {wrong, "1"}).starts_with("invalid_argument")) << wrong;
  }
  EXPECT_TRUE(refusal(exports, "absent", {}).starts_with("not_found"));
}

}  // namespace
}  // namespace omnisandbox
