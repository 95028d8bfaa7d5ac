// What an engine sends for a container's output, with the marks of the first process. However it is
// cut, the same bytes come out on the same streams; nothing of the input is invented or duplicated.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "docker/kept_output.h"
#include "docker/marked_stream.h"
#include "docker/stream_demultiplexer.h"

namespace {

using namespace omnisandbox::docker;

constexpr std::size_t kept_bytes = 300;

struct Taken {
  std::string output;
  std::string errors;
  std::string tail;
  std::string kept;
  std::uint64_t total = 0;
  bool operator==(const Taken&) const = default;
};

Taken take(std::string_view bytes, std::size_t piece_bytes) {
  Taken taken;
  KeptOutput kept(kept_bytes, {});
  MarkedStream marked(sizeof(init::Ending), [&](std::string_view piece) {
    taken.output += piece;
    kept.add(piece);
  });
  marked.expect(init::Token{});
  StreamDemultiplexer streams([&](OutputStream stream, std::string_view piece) {
    if (stream == OutputStream::standard_output) {
      marked.feed(piece);
    } else {
      taken.errors += piece;
    }
  });
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    if (!streams.feed(bytes.substr(0, piece_bytes))) {
      break;
    }
  }
  marked.finish();
  taken.tail = marked.tail().value_or("");
  taken.kept = kept.take();
  taken.total = kept.total_bytes();
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Taken whole = take(bytes, bytes.size() + 1);
  if (take(bytes, 1) != whole || take(bytes, 7) != whole ||
      whole.output.size() + whole.errors.size() + whole.tail.size() > size ||
      whole.total != whole.output.size() || whole.kept.size() > kept_bytes) {
    std::abort();
  }
  return 0;
}
