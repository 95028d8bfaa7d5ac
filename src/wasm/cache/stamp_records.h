#pragma once

#include <optional>
#include <string_view>

#include "linux/fd.h"
#include "wasm/cache/stamp_record.h"

namespace omnisandbox::wasm {

/// The records that lie in a cache folder, one a file, for this start of the machine. A record that
/// cannot be read or written is one that is not there. Thread-safe.
class StampRecords {
 public:
  /// `folder` must outlive this.
  StampRecords(const linux_::Fd& folder, const CacheSecret& secret);

  /// What the file with this stamp is known as; the record's file notes the use.
  std::optional<Digest> find(std::string_view name, StampedFile file, const FileStamp& stamp) const;
  /// Replaces the record `name`. `stamp` must be a lasting one, and of the file that was read.
  void write(std::string_view name, StampedFile file, const FileStamp& stamp,
             const Digest& digest) const;

 private:
  const linux_::Fd& folder_;
  const CacheSecret secret_;
  std::optional<BootName> boot_;  // none: nothing is recorded
};

}  // namespace omnisandbox::wasm
