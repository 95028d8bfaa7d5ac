#include "wasm/worker/type_messages.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace omnisandbox::wasm::worker {
namespace {

void write_type(Writer& writer, const Type& type);

void write_parts(Writer& writer, const std::vector<TypePart>& parts) {
  writer.number(static_cast<std::uint32_t>(parts.size()));
  for (const TypePart& part : parts) {
    writer.text(part.name);
    writer.number(static_cast<std::uint8_t>(part.has_type ? 1 : 0));
    if (part.has_type) {
      write_type(writer, part.type);
    }
  }
}

void write_type(Writer& writer, const Type& type) {
  writer.number(static_cast<std::uint8_t>(type.kind));
  write_parts(writer, type.parts);
}

/// What the Component Model allows in such a name: words of letters and digits, with hyphens.
bool can_be_part_name(std::string_view name) {
  return name.size() <= max_part_name_bytes && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

class TypeReader {
 public:
  explicit TypeReader(Reader& reader) : reader_(reader) {}

  Type type() {
    Type type{.kind = static_cast<TypeKind>(
                  reader_.choice(static_cast<std::uint8_t>(TypeKind::unknown)))};
    if (++depth_ > max_type_depth) {
      reader_.refuse();
    }
    type.parts = parts();
    --depth_;
    // Only what is whole is looked at: of a message that ends too early, parts are missing.
    if (reader_.is_good() && !fits(type.kind, type.parts)) {
      reader_.refuse();
    }
    return type;
  }

  std::vector<TypePart> parts() {
    const auto count = reader_.number<std::uint32_t>();
    std::vector<TypePart> parts;
    // A count alone reserves nothing.
    for (std::uint32_t index = 0; index < count && reader_.is_good(); ++index) {
      TypePart part{.name = std::string(reader_.text())};
      part.has_type = reader_.choice(1) == 1;
      if (++count_ > max_listed_parts || !can_be_part_name(part.name)) {
        reader_.refuse();
      }
      if (part.has_type && reader_.is_good()) {
        part.type = type();
      }
      parts.push_back(std::move(part));
    }
    return parts;
  }

  std::vector<Type> results() {
    const auto count = reader_.number<std::uint32_t>();
    std::vector<Type> results;
    for (std::uint32_t index = 0; index < count && reader_.is_good(); ++index) {
      if (++count_ > max_listed_parts) {
        reader_.refuse();
      }
      results.push_back(type());
    }
    return results;
  }

 private:
  Reader& reader_;
  std::size_t depth_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

void write_functions(Writer& writer, const std::vector<FunctionType>& functions) {
  writer.number(static_cast<std::uint32_t>(functions.size()));
  for (const FunctionType& function : functions) {
    writer.text(function.name);
    write_parts(writer, function.parameters);
    writer.number(static_cast<std::uint32_t>(function.results.size()));
    for (const Type& result : function.results) {
      write_type(writer, result);
    }
  }
}

std::vector<FunctionType> read_functions(Reader& reader) {
  const auto count = reader.number<std::uint32_t>();
  if (count > max_exported_functions) {
    reader.refuse();
  }
  TypeReader types(reader);
  std::vector<FunctionType> functions;
  for (std::uint32_t index = 0; index < count && reader.is_good(); ++index) {
    FunctionType function{.name = std::string(reader.text())};
    function.parameters = types.parts();
    const bool all_typed =
        std::all_of(function.parameters.begin(), function.parameters.end(),
                    [](const TypePart& parameter) { return parameter.has_type; });
    if (reader.is_good() && !all_typed) {
      reader.refuse();
    }
    function.results = types.results();
    functions.push_back(std::move(function));
  }
  return functions;
}

}  // namespace omnisandbox::wasm::worker
