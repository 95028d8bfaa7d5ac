#include "runner/oci_layout.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "base/error.h"
#include "base/try.h"
#include "runner/input_file.h"
#include "wasm/cache/digest.h"

namespace omnisandbox::runner {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t max_json_bytes = 4 * 1024 * 1024;
// An index for several platforms points to one with a manifest for each.
constexpr int max_nested_indexes = 4;
constexpr std::string_view index_type = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view manifest_type = "application/vnd.oci.image.manifest.v1+json";
// The CNCF's Wasm OCI Artifact layout, and those of older tools.
constexpr std::array<std::string_view, 3> module_types = {
    "application/wasm", "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm"};

Error malformed(std::string_view what) {
  return base::make_error(ErrorKind::invalid_argument, "the OCI layout's {} is not valid", what);
}

Expected<Json> parse(std::string_view text, std::string_view what) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return malformed(what);
  }
  return json;
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Expected<OciBlob> blob_of(const Json& descriptor, std::string_view what) {
  constexpr std::string_view algorithm = "sha256:";
  constexpr std::string_view digits = "0123456789abcdef";
  if (!descriptor.is_object()) {
    return malformed(what);
  }
  const std::string digest = text_in(descriptor, "digest");
  const auto size = descriptor.find("size");
  const bool is_valid = digest.size() == algorithm.size() + 64 && digest.starts_with(algorithm) &&
                        digest.find_first_not_of(digits, algorithm.size()) == std::string::npos &&
                        size != descriptor.end() && size->is_number_unsigned();
  if (!is_valid) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the OCI layout's {} names a blob without a size and a digest of the "
                            "form sha256:…",
                            what);
  }
  return OciBlob{.sha256 = digest.substr(algorithm.size()),
                 .size_bytes = size->get<std::uint64_t>(),
                 .is_index = text_in(descriptor, "mediaType") == index_type};
}

bool has_tag(const Json& descriptor, std::string_view tag) {
  const auto annotations = descriptor.find("annotations");
  return annotations != descriptor.end() && annotations->is_object() &&
         text_in(*annotations, "org.opencontainers.image.ref.name") == tag;
}

std::string named(const OciChoice& choice) {
  std::string name;
  if (!choice.tag.empty()) {
    name += fmt::format(" named \"{}\"", base::printable(choice.tag, 128));
  }
  if (!choice.sha256.empty()) {
    name += " with the digest sha256:" + choice.sha256;
  }
  return name;
}

Expected<std::string> read_blob(const std::string& folder, const OciBlob& blob,
                                std::string_view what, std::uint64_t max_bytes) {
  if (blob.size_bytes > max_bytes) {
    return base::make_error(ErrorKind::too_large, "{} has {} bytes; {} are allowed", what,
                            blob.size_bytes, max_bytes);
  }
  std::string content =
      TRY(read_regular_file(folder + "/blobs/sha256/" + blob.sha256, what, max_bytes));
  const auto digest = wasm::hex_of(wasm::sha256(std::as_bytes(std::span(content))));
  if (content.size() != blob.size_bytes || digest != blob.sha256) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{} in the OCI layout is not what its digest says (sha256:{}): it was "
                            "changed or cut off",
                            what, blob.sha256);
  }
  return content;
}

}  // namespace

Expected<OciBlob> choose_manifest(std::string_view index_json, const OciChoice& choice) {
  const Json index = TRY(parse(index_json, "index"));
  const auto manifests = index.find("manifests");
  if (manifests == index.end() || !manifests->is_array()) {
    return malformed("index");
  }
  std::optional<OciBlob> chosen;
  for (const Json& descriptor : *manifests) {
    OciBlob blob = TRY(blob_of(descriptor, "index"));
    const std::string type = text_in(descriptor, "mediaType");
    if ((type != index_type && type != manifest_type) ||
        (!choice.tag.empty() && !has_tag(descriptor, choice.tag)) ||
        (!choice.sha256.empty() && blob.sha256 != choice.sha256)) {
      continue;
    }
    if (chosen && chosen->sha256 != blob.sha256) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the OCI layout has several modules{}; name one by its tag "
                              "(oci:FOLDER:TAG) or digest (oci:FOLDER@sha256:…)",
                              named(choice));
    }
    chosen = std::move(blob);
  }
  if (!chosen) {
    return base::make_error(ErrorKind::not_found, "the OCI layout has no module{}", named(choice));
  }
  return *std::move(chosen);
}

Expected<OciBlob> module_layer(std::string_view manifest_json) {
  const Json manifest = TRY(parse(manifest_json, "manifest"));
  const auto layers = manifest.find("layers");
  if (layers == manifest.end() || !layers->is_array()) {
    return malformed("manifest");
  }
  std::optional<OciBlob> module;
  for (const Json& layer : *layers) {
    OciBlob blob = TRY(blob_of(layer, "manifest"));
    if (std::find(module_types.begin(), module_types.end(), text_in(layer, "mediaType")) ==
        module_types.end()) {
      continue;
    }
    if (module) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the OCI layout's manifest has several modules, where one can run");
    }
    module = std::move(blob);
  }
  if (!module) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the OCI layout's manifest has no layer of the type application/wasm; "
                            "is it a container's image?");
  }
  return *std::move(module);
}

Expected<std::string> read_oci_module(const std::string& folder, const OciChoice& choice,
                                      std::uint64_t max_bytes) {
  const std::string version =
      TRY(read_regular_file(folder + "/oci-layout", "the OCI layout", max_json_bytes));
  const Json layout = TRY(parse(version, "version"));
  if (!text_in(layout, "imageLayoutVersion").starts_with("1.")) {
    return malformed("version");
  }
  const std::string index =
      TRY(read_regular_file(folder + "/index.json", "the OCI layout's index", max_json_bytes));
  OciBlob blob = TRY(choose_manifest(index, choice));
  std::string manifest = TRY(read_blob(folder, blob, "the manifest", max_json_bytes));
  for (int depth = 0; blob.is_index; ++depth) {
    if (depth == max_nested_indexes) {
      return base::make_error(ErrorKind::limit, "the OCI layout nests indexes more than {} deep",
                              max_nested_indexes);
    }
    blob = TRY(choose_manifest(manifest, {}));
    manifest = TRY(read_blob(folder, blob, "the manifest", max_json_bytes));
  }
  const OciBlob module = TRY(module_layer(manifest));
  return read_blob(folder, module, "the module", max_bytes);
}

}  // namespace omnisandbox::runner
