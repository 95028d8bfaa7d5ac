#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "docker/init/protocol.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// A file or folder that goes into a container or comes out of one.
struct CopiedFile {
  bool is_folder = false;
  std::string path{};      ///< beneath what is copied: relative, no "." or ".."; empty: itself
  std::uint32_t mode = 0;  ///< permission bits
  std::string content{};
};

struct CopyLimits {
  std::uint64_t max_file_bytes = 0;
  std::uint64_t max_total_bytes = 0;
  std::uint64_t max_entries = 0;
};

/// The entries that a container sends (init/protocol.h). Whoever sends them is not trusted: nothing
/// but files and folders, whose paths stay beneath what is copied, within the limits. Holds one
/// file at a time.
class FileStream {
 public:
  using Take = std::function<Expected<void>(CopiedFile)>;
  FileStream(const CopyLimits& limits, Take take) : limits_(limits), take_(std::move(take)) {}

  /// The next bytes, cut anywhere. `io` for what is no such stream, `too_large` beyond the limits,
  /// and the errors of `take`; after one nothing more is taken.
  Expected<void> feed(std::string_view bytes);
  /// Whether the last entry has come, and nothing after it.
  bool is_complete() const noexcept { return state_ == State::ended; }

 private:
  enum class State : std::uint8_t { header, path, content, ended };
  /// Moves up to `wanted` bytes in all from `bytes` to `target`; whether they are there.
  static bool gather(std::string& target, std::uint64_t wanted, std::string_view& bytes);
  Expected<void> take_header();
  Expected<void> take_path();
  Expected<void> finish_entry();

  const CopyLimits limits_;
  Take take_;
  State state_ = State::header;
  std::string gathered_;
  init::FileEntry entry_;
  CopiedFile file_;
  std::uint64_t entries_ = 0;
  std::uint64_t total_bytes_ = 0;
};

/// Whether a path may stand in a CopiedFile.
bool is_copied_path(std::string_view path);

}  // namespace omnisandbox::docker
