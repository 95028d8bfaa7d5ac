#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "docker/engine/engine_connection.h"
#include "omnisandbox/expected.h"

struct archive;

namespace omnisandbox::docker {

/// A tar archive (POSIX pax) that goes to a sink as it is written. Regular files only.
class TarWriter {
 public:
  static Expected<std::unique_ptr<TarWriter>> create(const EngineConnection::Sink& sink);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// `size_bytes` of content must follow.
  Expected<void> begin_file(const std::string& name, std::uint64_t size_bytes);
  Expected<void> add(std::string_view content);
  Expected<void> finish();

 private:
  explicit TarWriter(const EngineConnection::Sink& sink) : sink_(sink) {}
  Error problem(std::string_view step);
  static std::ptrdiff_t write(struct archive* target, void* self, const void* bytes,
                              std::size_t size);

  const EngineConnection::Sink& sink_;
  struct archive* archive_ = nullptr;
  Expected<void> sent_{};  ///< the sink's own error, which libarchive cannot carry
  bool is_over_ = false;   ///< nothing is sent any more
};

}  // namespace omnisandbox::docker
