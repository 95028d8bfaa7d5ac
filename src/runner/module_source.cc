#include "runner/module_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_system.h"
#include "linux/regular_file.h"
#include "runner/input_file.h"
#include "runner/oci_layout.h"
#include "wasm/cache/digest.h"
#include "wasm/limits.h"
#include "wasm/module/module_text.h"
#include "wasm/module/preamble.h"

namespace omnisandbox::runner {
namespace {

constexpr std::string_view oci_prefix = "oci:";
constexpr std::string_view pin_mark = "@sha256:";
constexpr std::size_t digest_digits = 64;

std::string_view without_pin(std::string_view text) noexcept {
  return text.substr(0, text.rfind(pin_mark));
}

Expected<std::string> digest_in(std::string_view text) {
  std::string digest(text);
  std::transform(digest.begin(), digest.end(), digest.begin(),
                 [](unsigned char digit) { return static_cast<char>(std::tolower(digit)); });
  if (digest.size() != digest_digits ||
      digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" is no SHA-256: it has 64 hexadecimal digits",
                            base::printable(text, 80));
  }
  return digest;
}

}  // namespace

std::string ModuleSource::name() const {
  const std::filesystem::path whole(path);
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

Expected<ModuleSource> parse_module_source(std::string_view text) {
  ModuleSource source;
  std::string_view path = without_pin(text);
  if (path.size() < text.size()) {
    source.sha256 = TRY(digest_in(text.substr(path.size() + pin_mark.size())));
  }
  if (path.starts_with(oci_prefix)) {
    source.is_oci = true;
    path.remove_prefix(oci_prefix.size());
    // A tag has no slash, and a folder's last part seldom a colon.
    const std::size_t colon = path.rfind(':');
    if (colon != std::string_view::npos && path.find('/', colon) == std::string_view::npos) {
      source.tag = path.substr(colon + 1);
      path = path.substr(0, colon);
    }
  }
  source.path = path;
  return source;
}

bool names_a_module(std::string_view text) noexcept {
  const std::string_view path = without_pin(text);
  return path.starts_with(oci_prefix) || path.ends_with(".wasm") || path.ends_with(".wat") ||
         path.size() < text.size();
}

bool is_component(std::span<const std::byte> bytes) { return wasm::is_component_source(bytes); }

LoadableModule loadable_bytes(std::string name, std::string bytes) {
  const bool has_component = is_component(std::as_bytes(std::span(bytes)));
  return {.name = std::move(name), .is_component = has_component, .content = std::move(bytes)};
}

Expected<LoadableModule> find_module(const ModuleSource& source) {
  if (!source.is_oci) {
    const linux_::Fd file = TRY(linux_::open_regular_file(source.path));
    std::array<std::byte, wasm::preamble_bytes> first{};
    const std::size_t length = TRY(linux_::read_full(file, first));
    if (wasm::begins_as_binary(std::span(first).first(length))) {
      return LoadableModule{.name = source.name(),
                            .is_component = is_component(first),
                            .content = ModuleFile{.path = source.path, .sha256 = source.sha256}};
    }
  }
  return loadable_bytes(source.name(), TRY(read_module(source)));
}

Expected<std::string> read_module(const ModuleSource& source) {
  if (source.is_oci) {
    return read_oci_module(source.path, {.tag = source.tag, .sha256 = source.sha256},
                           wasm::max_module_bytes);
  }
  std::string bytes = TRY(read_regular_file(source.path, "the module", wasm::max_module_bytes));
  if (!source.sha256.empty()) {
    const std::string digest = wasm::hex_of(wasm::sha256(std::as_bytes(std::span(bytes))));
    if (digest != source.sha256) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the module {} has the digest sha256:{}, and sha256:{} is pinned; "
                              "it was changed, or the pin is for another version",
                              base::printable(source.path), digest, source.sha256);
    }
  }
  return bytes;
}

}  // namespace omnisandbox::runner
