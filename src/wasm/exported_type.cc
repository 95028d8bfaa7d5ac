#include "wasm/exported_type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace omnisandbox::wasm {
namespace {

constexpr std::size_t max_line_bytes = 4096;

std::string_view plain_text(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean:
      return "bool";
    case TypeKind::s8:
      return "s8";
    case TypeKind::s16:
      return "s16";
    case TypeKind::s32:
      return "s32";
    case TypeKind::s64:
      return "s64";
    case TypeKind::u8:
      return "u8";
    case TypeKind::u16:
      return "u16";
    case TypeKind::u32:
      return "u32";
    case TypeKind::u64:
      return "u64";
    case TypeKind::f32:
      return "f32";
    case TypeKind::f64:
      return "f64";
    case TypeKind::character:
      return "char";
    case TypeKind::string:
      return "string";
    case TypeKind::own:
      return "resource";
    case TypeKind::borrow:
      return "borrow<resource>";
    case TypeKind::future:
      return "future";
    case TypeKind::stream:
      return "stream";
    case TypeKind::core_i32:
      return "i32";
    case TypeKind::core_i64:
      return "i64";
    case TypeKind::core_f32:
      return "f32";
    case TypeKind::core_f64:
      return "f64";
    case TypeKind::core_reference:
      return "reference";
    default:
      return "unknown";
  }
}

std::string part_text(const TypePart& part) {
  return part.name.empty() ? wit_text(part.type)
                           : fmt::format("{}: {}", part.name, wit_text(part.type));
}

std::string case_text(const TypePart& part) {
  return part.has_type ? fmt::format("{}({})", part.name, wit_text(part.type)) : part.name;
}

template <class Text>
std::string joined(const std::vector<TypePart>& parts, Text text) {
  std::vector<std::string> texts;
  std::transform(parts.begin(), parts.end(), std::back_inserter(texts), text);
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string result_text(const std::vector<TypePart>& parts) {
  const TypePart& ok = parts[0];
  const TypePart& error = parts[1];
  if (!error.has_type) {
    return ok.has_type ? fmt::format("result<{}>", wit_text(ok.type)) : "result";
  }
  return fmt::format("result<{}, {}>", ok.has_type ? wit_text(ok.type) : "_", wit_text(error.type));
}

}  // namespace

Expected<void> check_count(const std::vector<FunctionType>& functions) {
  std::size_t parts = 0;
  for (const FunctionType& function : functions) {
    // What is inside of them is bounded where they are described.
    parts += function.parameters.size() + function.results.size();
  }
  if (functions.size() > max_exported_functions || parts > max_type_parts) {
    return base::make_error(ErrorKind::too_large,
                            "it exports {} functions with {} parameters and results; {} and {} are "
                            "the most that can be listed",
                            functions.size(), parts, max_exported_functions, max_type_parts);
  }
  return {};
}

bool fits(TypeKind kind, const std::vector<TypePart>& parts) {
  const auto all = [&](bool has_name, bool has_type) {
    return std::all_of(parts.begin(), parts.end(), [&](const TypePart& part) {
      return part.name.empty() != has_name && part.has_type == has_type;
    });
  };
  switch (kind) {
    case TypeKind::list:
    case TypeKind::option:
      return parts.size() == 1 && all(false, true);
    case TypeKind::tuple:
      return all(false, true);
    case TypeKind::record:
      return all(true, true);
    case TypeKind::enumeration:
    case TypeKind::flags:
      return all(true, false);
    case TypeKind::variant:
      return std::all_of(parts.begin(), parts.end(),
                         [](const TypePart& part) { return !part.name.empty(); });
    case TypeKind::result:
      return parts.size() == 2 && parts[0].name == "ok" && parts[1].name == "error";
    default:
      return parts.empty();
  }
}

std::string wit_text(const Type& type) {
  switch (type.kind) {
    case TypeKind::list:
      return fmt::format("list<{}>", wit_text(type.parts.front().type));
    case TypeKind::option:
      return fmt::format("option<{}>", wit_text(type.parts.front().type));
    case TypeKind::record:
      return fmt::format("record {{ {} }}", joined(type.parts, part_text));
    case TypeKind::tuple:
      return fmt::format("tuple<{}>", joined(type.parts, part_text));
    case TypeKind::variant:
      return fmt::format("variant {{ {} }}", joined(type.parts, case_text));
    case TypeKind::enumeration:
      return fmt::format("enum {{ {} }}", joined(type.parts, case_text));
    case TypeKind::flags:
      return fmt::format("flags {{ {} }}", joined(type.parts, case_text));
    case TypeKind::result:
      return result_text(type.parts);
    default:
      return std::string(plain_text(type.kind));
  }
}

std::string wit_text(const FunctionType& function) {
  std::vector<std::string> results;
  std::transform(function.results.begin(), function.results.end(), std::back_inserter(results),
                 [](const Type& type) { return wit_text(type); });
  std::string text = fmt::format("func({})", joined(function.parameters, part_text));
  if (results.size() == 1) {
    text += " -> " + results.front();
  } else if (!results.empty()) {
    text += fmt::format(" -> ({})", fmt::join(results, ", "));
  }
  return text;
}

std::string line_of(const FunctionType& function) {
  return base::printable(function.name + ": " + wit_text(function), max_line_bytes);
}

}  // namespace omnisandbox::wasm
