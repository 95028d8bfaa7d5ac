#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "omnisandbox/expected.h"
#include "omnisandbox/module_file.h"

/// Where a module comes from, as it is written on a command line:
///   FILE                  a file
///   FILE@sha256:DIGEST    the same, and it must have this SHA-256
///   oci:FOLDER[:TAG][@sha256:DIGEST]   an OCI image layout; the digest is the manifest's
namespace omnisandbox::runner {

struct ModuleSource {
  std::string path;  ///< of the file or the layout
  bool is_oci = false;
  std::string tag{};     ///< of an OCI layout
  std::string sha256{};  ///< 64 lower-case digits; empty: not pinned

  /// What the guest's argv[0] is: the file's name, or the layout folder's.
  std::string name() const;
};

/// Error: `invalid_argument` for a pin that is no SHA-256.
Expected<ModuleSource> parse_module_source(std::string_view text);

/// Whether it is written as a module: an OCI layout, or a name that ends in .wasm or .wat.
bool names_a_module(std::string_view text) noexcept;

/// Whether the bytes are a component, in binary or text form; they may still be invalid.
bool is_component(std::span<const std::byte> bytes);

/// A module or a component that a sandbox can load.
struct LoadableModule {
  std::string name;  ///< the guest's argv[0]
  bool is_component = false;
  /// A binary in a file stays there: the sandbox reads it, where it does not know it already.
  std::variant<std::string, ModuleFile> content{};
};
LoadableModule loadable_bytes(std::string name, std::string bytes);
/// Errors as for read_module; what is wrong with a file may show only when it is loaded.
Expected<LoadableModule> find_module(const ModuleSource& source);

/// Calls `load` with the bytes, as a span, or with the file.
template <class Load>
auto load_content(const LoadableModule& module, Load load) {
  if (const auto* file = std::get_if<ModuleFile>(&module.content)) {
    return load(*file);
  }
  return load(std::as_bytes(std::span(std::get<std::string>(module.content))));
}

/// The bytes, which have the digest that was asked for. Errors: `not_found`, `too_large`,
/// `invalid_argument`, `io`.
Expected<std::string> read_module(const ModuleSource& source);

}  // namespace omnisandbox::runner
