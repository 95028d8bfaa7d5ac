#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"

/// Types of exported functions as plain values: they can be sent to another process, shown, and
/// turned into a JSON Schema, without the engine that they came from.
namespace omnisandbox::wasm {

enum class TypeKind : std::uint8_t {
  // The Component Model's, from https://component-model.bytecodealliance.org
  boolean,
  s8,
  s16,
  s32,
  s64,
  u8,
  u16,
  u32,
  u64,
  f32,
  f64,
  character,
  string,
  list,
  record,
  tuple,
  variant,
  enumeration,
  flags,
  option,
  result,
  own,
  borrow,
  future,
  stream,
  // WebAssembly's own
  core_i32,
  core_i64,
  core_f32,
  core_f64,
  core_reference,
  /// One that is larger than the limits below, or unknown to this version.
  unknown,
};

/// A template, because its parts are types again: only so may a member of it be initialised before
/// they are complete.
template <class Part>
struct TypeOf {
  TypeKind kind = TypeKind::unknown;
  /// Of a list or an option: the one that it holds. Of a record: its fields. Of a tuple: its items.
  /// Of a variant: its cases. Of an enumeration or flags: names without types. Of a result: "ok"
  /// and "error". Of anything else: none.
  std::vector<Part> parts{};
};

struct TypePart;
using Type = TypeOf<TypePart>;

struct TypePart {
  std::string name{};
  bool has_type = true;  ///< false: a case without a payload, a name
  Type type{};
};

struct FunctionType {
  std::string name;  ///< as a call takes it: "name", or "interface#name" of a component
  std::vector<TypePart> parameters{};  ///< without names where they are core types
  std::vector<Type> results{};         ///< of a component's function: one at the most
};

/// What a component can make of the types that it exports: a record of two fields of records of two
/// fields and so on doubles with each level. What lies beyond is `unknown`.
inline constexpr std::size_t max_type_depth = 32;
/// Parts of one function's types, all together.
inline constexpr std::size_t max_function_type_parts = 4096;
/// Parts of all functions that a component exports.
inline constexpr std::size_t max_type_parts = 400'000;
inline constexpr std::size_t max_exported_functions = 100'000;
/// What a list of functions holds at the most: of each its result, and one part that stands for
/// those that are left out.
inline constexpr std::size_t max_listed_parts = max_type_parts + 2 * max_exported_functions;
/// Of a field, a case, a parameter.
inline constexpr std::size_t max_part_name_bytes = 256;

/// Error: `too_large` for more than can be listed.
Expected<void> check_count(const std::vector<FunctionType>& functions);

/// Whether a type of this kind has such parts, as they are described above.
bool fits(TypeKind kind, const std::vector<TypePart>& parts);

/// WIT: "list<u8>", "func(a: s32) -> string".
std::string wit_text(const Type& type);
std::string wit_text(const FunctionType& function);
/// "name: func(…)", as one printable line.
std::string line_of(const FunctionType& function);

}  // namespace omnisandbox::wasm
