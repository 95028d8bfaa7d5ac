#include "wasm/worker/type_messages.h"

#include <gtest/gtest.h>

#include <string>

#include "wasm/worker/messages.h"

namespace omnisandbox::wasm::worker {
namespace {

Type plain(TypeKind kind) { return {.kind = kind}; }

std::optional<Listed> sent(std::vector<FunctionType> functions) {
  return decode<Listed>(encode(Listed{.functions = std::move(functions)}));
}
bool passes(Type type) {
  return sent({{.name = "f", .parameters = {{.name = "p", .type = std::move(type)}}}}).has_value();
}
Type nested(std::size_t levels) {
  Type type = plain(TypeKind::u8);
  for (std::size_t level = 1; level < levels; ++level) {
    type = {.kind = TypeKind::list, .parts = {{.type = std::move(type)}}};
  }
  return type;
}

TEST(TypeMessages, ArriveAsTheyWereSent) {
  const Type variant{
      .kind = TypeKind::variant,
      .parts = {{.name = "none", .has_type = false}, {.name = "some-thing", .type = nested(3)}}};
  const Type result{
      .kind = TypeKind::result,
      .parts = {{.name = "ok", .type = variant}, {.name = "error", .has_type = false}}};
  const auto arrived = sent({{.name = "a:b/c@1.0.0#run",
                              .parameters = {{.name = "x", .type = plain(TypeKind::string)}},
                              .results = {result}},
                             {.name = "core", .results = {plain(TypeKind::core_i32)}}});
  ASSERT_TRUE(arrived);
  ASSERT_EQ(arrived->functions.size(), 2U);
  EXPECT_EQ(line_of(arrived->functions[0]),
            "a:b/c@1.0.0#run: func(x: string) -> result<variant { none, "
            "some-thing(list<list<u8>>) }>");
  EXPECT_EQ(line_of(arrived->functions[1]), "core: func() -> i32");
}

TEST(TypeMessages, AnErrorArrivesInPlaceOfThem) {
  Error error;
  error.kind = ErrorKind::too_large;
  error.message = "too many";
  const auto arrived = decode<Listed>(encode(Listed{.error = error}));
  ASSERT_TRUE(arrived && arrived->error);
  EXPECT_EQ(arrived->error->message, "too many");
}

TEST(TypeMessages, PartsThatDoNotBelongToTheirKindAreRefused) {
  EXPECT_TRUE(passes(nested(2)));
  EXPECT_FALSE(passes({.kind = TypeKind::list}));
  EXPECT_FALSE(passes({.kind = TypeKind::list, .parts = {{.name = "a", .type = nested(1)}}}));
  EXPECT_FALSE(passes({.kind = TypeKind::option, .parts = {{.has_type = false}}}));
  EXPECT_FALSE(passes({.kind = TypeKind::u8, .parts = {{.type = nested(1)}}}));
  EXPECT_FALSE(passes({.kind = TypeKind::record, .parts = {{.type = nested(1)}}}));
  EXPECT_FALSE(passes({.kind = TypeKind::flags, .parts = {{.name = "a", .type = nested(1)}}}));
  EXPECT_FALSE(passes({.kind = TypeKind::result, .parts = {{.name = "ok", .has_type = false}}}));
  EXPECT_FALSE(sent({{.name = "f", .parameters = {{.name = "p", .has_type = false}}}}));
}

TEST(TypeMessages, NamesThatNoComponentCanHaveAreRefused) {
  const auto field = [](std::string name) {
    return Type{.kind = TypeKind::record, .parts = {{.name = std::move(name), .type = nested(1)}}};
  };
  EXPECT_TRUE(passes(field("max-count2")));
  EXPECT_FALSE(passes(field("a b")));
  EXPECT_FALSE(passes(field("a\"")));
  EXPECT_FALSE(passes(field("a\x1b[2J")));
  EXPECT_FALSE(passes(field("\xff")));
  EXPECT_TRUE(passes(field(std::string(max_part_name_bytes, 'a'))));
  EXPECT_FALSE(passes(field(std::string(max_part_name_bytes + 1, 'a'))));
}

TEST(TypeMessages, NoMoreOfAnythingThanIsAllowed) {
  EXPECT_TRUE(passes(nested(max_type_depth)));
  EXPECT_FALSE(passes(nested(max_type_depth + 1)));
  EXPECT_FALSE(passes(nested(1'000)));
  EXPECT_FALSE(sent(std::vector<FunctionType>(max_exported_functions + 1)));
  Type wide{.kind = TypeKind::tuple};
  wide.parts.assign(max_listed_parts + 1, {.type = plain(TypeKind::u8)});
  EXPECT_FALSE(passes(std::move(wide)));
}

TEST(TypeMessages, WhatIsCutOffIsRefused) {
  const std::string whole =
      encode(Listed{.functions = {{.name = "f",
                                   .parameters = {{.name = "p", .type = nested(4)}},
                                   .results = {nested(2)}}}});
  ASSERT_TRUE(decode<Listed>(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode<Listed>(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode<Listed>(whole + '\0'));
}

}  // namespace
}  // namespace omnisandbox::wasm::worker
