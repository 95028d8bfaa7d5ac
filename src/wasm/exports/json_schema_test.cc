#include "wasm/exports/json_schema.h"

#include <gtest/gtest.h>

#include <string>

namespace omnisandbox::wasm::exports {
namespace {

using Json = nlohmann::ordered_json;

Type plain(TypeKind kind) { return {.kind = kind}; }
Type of(TypeKind kind, Type inner) { return {.kind = kind, .parts = {{.type = std::move(inner)}}}; }
std::string schema(const Type& type) {
  const auto made = json_schema(type);
  return made ? made->dump() : "none";
}
std::string same(std::string_view json) { return Json::parse(json).dump(); }

TEST(JsonSchema, OfPlainTypes) {
  EXPECT_EQ(schema(plain(TypeKind::boolean)), R"({"type":"boolean"})");
  EXPECT_EQ(schema(plain(TypeKind::s8)), R"({"type":"integer","minimum":-128,"maximum":127})");
  EXPECT_EQ(schema(plain(TypeKind::u64)),
            R"({"type":"integer","minimum":0,"maximum":18446744073709551615})");
  EXPECT_EQ(schema(plain(TypeKind::f32)),
            R"({"anyOf":[{"type":"number"},{"enum":["nan","inf","-inf"]}]})");
  EXPECT_EQ(schema(plain(TypeKind::character)), R"({"type":"string","minLength":1,"maxLength":1})");
  EXPECT_EQ(schema(plain(TypeKind::string)), R"({"type":"string"})");
}

TEST(JsonSchema, OfTypesMadeOfOthers) {
  EXPECT_EQ(schema(of(TypeKind::list, plain(TypeKind::string))),
            R"({"type":"array","items":{"type":"string"}})");
  EXPECT_EQ(
      schema({.kind = TypeKind::tuple,
              .parts = {{.type = plain(TypeKind::string)}, {.type = plain(TypeKind::boolean)}}}),
      same(R"({"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}],
                     "minItems":2,"maxItems":2})"));
  const Type record{
      .kind = TypeKind::record,
      .parts = {{.name = "label", .type = plain(TypeKind::string)},
                {.name = "hint", .type = of(TypeKind::option, plain(TypeKind::string))}}};
  EXPECT_EQ(schema(record), same(R"({"type":"object",
      "properties":{"label":{"type":"string"},
                    "hint":{"anyOf":[{"type":"string"},{"type":"null"}]}},
      "required":["label"],"additionalProperties":false})"));
  const Type names{
      .kind = TypeKind::enumeration,
      .parts = {{.name = "red", .has_type = false}, {.name = "green", .has_type = false}}};
  EXPECT_EQ(schema(names), R"({"type":"string","enum":["red","green"]})");
  const Type flags{.kind = TypeKind::flags, .parts = {{.name = "read", .has_type = false}}};
  EXPECT_EQ(schema(flags), R"({"type":"array","items":{"enum":["read"]}})");
  const Type variant{.kind = TypeKind::variant,
                     .parts = {{.name = "none", .has_type = false},
                               {.name = "circle", .type = plain(TypeKind::string)}}};
  EXPECT_EQ(schema(variant), same(R"({"anyOf":[{"enum":["none"]},
      {"type":"object","properties":{"circle":{"type":"string"}},"required":["circle"],
       "additionalProperties":false}]})"));
  const Type result{.kind = TypeKind::result,
                    .parts = {{.name = "ok", .has_type = false},
                              {.name = "error", .type = plain(TypeKind::string)}}};
  EXPECT_EQ(schema(result), same(R"({"anyOf":[
      {"type":"object","properties":{"ok":{"type":"null"}},"required":["ok"],
       "additionalProperties":false},
      {"type":"object","properties":{"error":{"type":"string"}},"required":["error"],
       "additionalProperties":false}]})"));
}

TEST(JsonSchema, AnOptionWithinAnOptionIsAListOfIt) {
  const Type inner = of(TypeKind::option, plain(TypeKind::boolean));
  EXPECT_EQ(
      schema(of(TypeKind::option, inner)),
      same(R"({"anyOf":[{"type":"array","items":{"anyOf":[{"type":"boolean"},{"type":"null"}]},
                               "minItems":1,"maxItems":1},{"type":"null"}]})"));
}

TEST(JsonSchema, WhatJsonCannotHoldHasNone) {
  for (const TypeKind kind : {TypeKind::own, TypeKind::borrow, TypeKind::future, TypeKind::stream,
                              TypeKind::core_reference, TypeKind::unknown}) {
    EXPECT_EQ(schema(plain(kind)), "none");
    EXPECT_EQ(schema(of(TypeKind::list, plain(kind))), "none");
    EXPECT_EQ(
        schema({.kind = TypeKind::variant,
                .parts = {{.name = "a", .has_type = false}, {.name = "b", .type = plain(kind)}}}),
        "none");
    const auto function =
        as_json_function({.name = "f", .parameters = {{.name = "p", .type = plain(kind)}}});
    EXPECT_FALSE(function.fits_json);
  }
}

TEST(JsonSchema, OfFunctions) {
  const auto function = as_json_function(
      {.name = "pair",
       .parameters = {{.name = "a", .type = plain(TypeKind::string)},
                      {.name = "b", .type = of(TypeKind::option, plain(TypeKind::string))}},
       .results = {plain(TypeKind::core_i32), plain(TypeKind::core_f64)}});
  EXPECT_TRUE(function.fits_json);
  EXPECT_EQ(function.type_text, "func(a: string, b: option<string>) -> (i32, f64)");
  EXPECT_FALSE(function.parameters[0].is_optional);
  EXPECT_TRUE(function.parameters[1].is_optional);
  EXPECT_EQ(Json::parse(*function.result_schema_json)["prefixItems"].size(), 2U);
  EXPECT_FALSE(as_json_function({.name = "f"}).result_schema_json);
}

}  // namespace
}  // namespace omnisandbox::wasm::exports
