// The files that a container sends. However the stream is cut, the same files come out; no path
// leads out of what is copied, and the limits hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "docker/file_stream.h"

namespace {

using namespace omnisandbox;
using namespace omnisandbox::docker;

constexpr CopyLimits limits{.max_file_bytes = 64, .max_total_bytes = 128, .max_entries = 6};

struct Taken {
  std::string text;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  bool is_error = false;
  bool is_complete = false;
  bool operator==(const Taken&) const = default;
};

Taken take(std::string_view bytes, std::size_t piece_bytes) {
  Taken taken;
  FileStream stream(limits, [&](CopiedFile file) -> Expected<void> {
    const std::string around = "/" + file.path + "/";
    if ((!file.path.empty() && around.find("//") != std::string::npos) ||
        around.find("/../") != std::string::npos || around.find("/./") != std::string::npos ||
        file.path.find('\0') != std::string::npos || file.mode > 0777 ||
        file.content.size() > limits.max_file_bytes) {
      std::abort();
    }
    taken.text += file.path + "\n" + file.content + "\n";
    taken.bytes += file.content.size();
    ++taken.entries;
    return {};
  });
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    if (!stream.feed(bytes.substr(0, piece_bytes))) {
      taken.is_error = true;
      break;
    }
  }
  taken.is_complete = !taken.is_error && stream.is_complete();
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Taken whole = take(bytes, bytes.size() + 1);
  if (take(bytes, 1) != whole || take(bytes, 7) != whole || whole.bytes > limits.max_total_bytes ||
      whole.entries > limits.max_entries) {
    std::abort();
  }
  return 0;
}
