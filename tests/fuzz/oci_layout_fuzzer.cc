// The JSON of an OCI layout, which anybody may have written. Whatever it says, reading it ends, and
// a blob that it names is named by nothing but 64 hexadecimal digits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runner/oci_layout.h"

namespace {

void check(const omnisandbox::Expected<omnisandbox::runner::OciBlob>& blob) {
  if (blob && (blob->sha256.size() != 64 ||
               blob->sha256.find_first_not_of("0123456789abcdef") != std::string_view::npos)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace omnisandbox::runner;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(choose_manifest(text, {}));
  check(choose_manifest(text, {.tag = "v1", .sha256 = {}}));
  check(module_layer(text));
  return 0;
}
