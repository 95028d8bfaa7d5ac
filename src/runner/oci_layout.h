#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

/// Modules in an OCI image layout on disk (OCI Image Format Specification 1.1, "Image Layout"), as
/// `oras copy --to-oci-layout` or `wkg` write them. Whatever a file says, what it names is read
/// only from the layout's own blobs, and only where its size and SHA-256 are those that were asked
/// for.
namespace omnisandbox::runner {

/// What a descriptor names: a blob of the layout.
struct OciBlob {
  std::string sha256;  ///< 64 lower-case digits
  std::uint64_t size_bytes = 0;
  bool is_index = false;  ///< another index rather than a manifest
};

/// Which of an index's manifests is meant.
struct OciChoice {
  std::string tag{};     ///< org.opencontainers.image.ref.name; empty: the only one
  std::string sha256{};  ///< the manifest's digest; empty: any
};

/// Errors of these two: `invalid_argument` for what is no such JSON; `not_found`.
Expected<OciBlob> choose_manifest(std::string_view index_json, const OciChoice& choice);
/// The one layer that is WebAssembly.
Expected<OciBlob> module_layer(std::string_view manifest_json);

/// The module's bytes. Errors: those above, and of reading; `invalid_argument` where a blob is not
/// what its digest says.
Expected<std::string> read_oci_module(const std::string& folder, const OciChoice& choice,
                                      std::uint64_t max_bytes);

}  // namespace omnisandbox::runner
