#include "wasm/run/call_stack.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <stdexcept>
#include <thread>

namespace omnisandbox::wasm {
namespace {

constexpr std::size_t kibibyte = 1024;

TEST(CallStack, StaysOnTheThreadWhereThereIsRoom) {
  std::thread::id used;
  ASSERT_TRUE(call_with_stack(64 * kibibyte, [&] { used = std::this_thread::get_id(); }));
  EXPECT_EQ(used, std::this_thread::get_id());
  EXPECT_TRUE(has_stack_left(64 * kibibyte));
  EXPECT_FALSE(has_stack_left(std::size_t{1} << 40));
}

TEST(CallStack, MakesAThreadWhereThereIsNone) {
  std::thread::id used;
  bool enough = false;
  // More than any thread of the test has.
  const std::size_t bytes = 256 * 1024 * kibibyte;
  ASSERT_TRUE(call_with_stack(bytes, [&] {
    used = std::this_thread::get_id();
    enough = has_stack_left(bytes);
  }));
  EXPECT_NE(used, std::this_thread::get_id());
  EXPECT_TRUE(enough);
}

TEST(CallStack, PassesExceptionsOn) {
  for (const std::size_t bytes : {64 * kibibyte, 256 * 1024 * kibibyte}) {
    EXPECT_THROW((void)call_with_stack(bytes, [] { throw std::runtime_error("x"); }),
                 std::runtime_error);
  }
}

TEST(CallStack, SaysWhenNoThreadCanBeMade) {
  const auto called = call_with_stack(std::size_t{1} << 60, [] {});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace omnisandbox::wasm
