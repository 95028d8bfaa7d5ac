#include "wasm/module/module_shape.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>

#include "wasm/limits.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using ::testing::HasSubstr;

const std::string header("\0asm\1\0\0\0", 8);

std::string section(char id, std::string_view content) {
  return std::string(1, id) + std::string(1, static_cast<char>(content.size())) +
         std::string(content);
}

Expected<ModuleShape> shape_of(const std::string& binary) {
  return read_module_shape(bytes_of(binary));
}

TEST(ModuleShape, CountsWhatMatters) {
  const auto shape = shape_of(
      header + section(0, "custom") + section(4, std::string_view("\2\x70\0\1\x70\0\1", 7)) +
      section(5, std::string_view("\2\1\3\4\0\2", 6)) + section(8, std::string_view("\0", 1)) +
      section(10, std::string_view("\2\2\0\x0b\4\0\1\1\x0b", 9)));
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->memory_count, 2u);
  EXPECT_EQ(shape->minimum_memory_bytes, 5 * page_bytes);
  EXPECT_EQ(shape->table_count, 2u);
  EXPECT_EQ(shape->function_count, 2u);
  EXPECT_EQ(shape->largest_function_bytes, 4u);
  EXPECT_TRUE(shape->has_start_function);
}

TEST(ModuleShape, AnEmptyModuleNeedsNothing) {
  const auto shape = shape_of(header);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->memory_count, 0u);
  EXPECT_FALSE(shape->has_start_function);
}

TEST(ModuleShape, TellsModulesFromOtherThings) {
  for (const std::string& not_a_module :
       {std::string(), std::string("\0as", 3), std::string("#!/bin/sh\n"),
        std::string("\x7f"
                    "ELF\1\0\0\0",
                    8)}) {
    EXPECT_EQ(shape_of(not_a_module).error().kind, ErrorKind::invalid_argument);
  }
  EXPECT_THAT(shape_of(std::string("\0asm\x0d\0\1\0", 8)).error().message, HasSubstr("component"));
  EXPECT_THAT(shape_of(std::string("\0asm\2\0\0\0", 8)).error().message, HasSubstr("version 2"));
}

TEST(ModuleShape, SaysWhereAModuleIsCutOff) {
  const std::string whole = header + section(5, std::string_view("\1\0\1", 3)) +
                            section(10, std::string_view("\1\2\0\x0b", 4));
  ASSERT_TRUE(shape_of(whole));
  for (std::size_t length = header.size() + 1; length < whole.size(); ++length) {
    const auto shape = shape_of(whole.substr(0, length));
    if (length == header.size() + 5) {
      EXPECT_TRUE(shape);  // between two sections
      continue;
    }
    ASSERT_FALSE(shape) << length;
    EXPECT_THAT(shape.error().message, HasSubstr("cut off or damaged near byte"));
  }
  // Numbers that never end, sections and counts that claim more than there is.
  for (const std::string& damaged :
       {header + std::string("\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 13),
        header + std::string("\5\xff\xff\xff\xff\x0f", 6),
        header + section(5, "\xff\xff\xff\xff\x0f"), header + section(10, "\xff\xff\xff\xff\x0f"),
        header + section(4, "")}) {
    EXPECT_FALSE(shape_of(damaged));
  }
}

TEST(ModuleShape, RefusesSharedAnd64BitMemories) {
  EXPECT_THAT(shape_of(header + section(5, std::string_view("\1\3\1\1", 4))).error().message,
              HasSubstr("-pthread"));
  EXPECT_THAT(shape_of(header + section(5, std::string_view("\1\4\1", 3))).error().message,
              HasSubstr("wasm32"));
}

TEST(ModuleShape, HugeMinimumsDoNotOverflow) {
  std::string memories = "\x7f";
  for (int count = 0; count < 20; ++count) {
    memories += std::string("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11);
  }
  std::string binary = header + "\5" + "\xdd\1" + memories;
  const auto cut = shape_of(binary);
  EXPECT_FALSE(cut);  // 127 are announced

  const auto one = shape_of(
      header + section(5, std::string_view("\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 12)));
  ASSERT_TRUE(one);
  const auto checked = check_module_shape(*one, 4096 * mebibyte);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::memory);
}

TEST(ModuleShape, BoundsAreHeldExactly) {
  ModuleShape shape;
  shape.memory_count = max_memories_per_module;
  shape.table_count = max_tables_per_module;
  shape.function_count = max_functions;
  shape.largest_function_bytes = max_function_bytes;
  shape.minimum_memory_bytes = 16 * mebibyte;
  EXPECT_TRUE(check_module_shape(shape, 16 * mebibyte));
  EXPECT_FALSE(check_module_shape(shape, 16 * mebibyte - 1));
  for (std::uint64_t ModuleShape::*member :
       {&ModuleShape::memory_count, &ModuleShape::table_count, &ModuleShape::function_count,
        &ModuleShape::largest_function_bytes}) {
    ModuleShape beyond = shape;
    beyond.*member += 1;
    EXPECT_FALSE(check_module_shape(beyond, 16 * mebibyte));
  }
  EXPECT_TRUE(check_module_size(max_module_bytes));
  EXPECT_FALSE(check_module_size(max_module_bytes + 1));
}

}  // namespace
}  // namespace omnisandbox::wasm
