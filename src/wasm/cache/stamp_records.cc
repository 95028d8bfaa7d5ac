#include "wasm/cache/stamp_records.h"

#include <fcntl.h>

#include <array>
#include <span>

#include "linux/file_system.h"
#include "wasm/cache/cache_folder.h"

namespace omnisandbox::wasm {
namespace {

std::optional<BootName> this_boot() {
  // proc(5), of 36 digits and a line's end.
  const auto file = linux_::open_at2(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0, 0);
  BootName name{};
  if (!file || linux_::read_full(*file, std::as_writable_bytes(std::span(name))).value_or(0) == 0) {
    return std::nullopt;
  }
  return name;
}

}  // namespace

StampRecords::StampRecords(const linux_::Fd& folder, const CacheSecret& secret)
    : folder_(folder), secret_(secret), boot_(this_boot()) {}

std::optional<Digest> StampRecords::find(std::string_view name, StampedFile file,
                                         const FileStamp& stamp) const {
  const auto opened =
      linux_::open_at2(folder_.get(), name, O_RDONLY | O_NONBLOCK, 0, linux_::resolve_exactly);
  if (!boot_ || !opened) {
    return std::nullopt;
  }
  const auto status = linux_::stat_of(*opened);
  std::array<std::byte, stamp_record_bytes> bytes{};
  if (!status || !check_private_file(*status) ||
      static_cast<std::uint64_t>(status->st_size) != bytes.size() ||
      linux_::read_full(*opened, bytes).value_or(0) != bytes.size()) {
    return std::nullopt;
  }
  const auto record = decode_stamp_record(bytes, secret_);
  if (!record || record->file != file || record->boot != *boot_ || record->stamp != stamp) {
    return std::nullopt;
  }
  note_use(*opened, *status);
  return record->digest;
}

void StampRecords::write(std::string_view name, StampedFile file, const FileStamp& stamp,
                         const Digest& digest) const {
  if (!boot_) {
    return;
  }
  const auto bytes = encode_stamp_record(
      {.file = file, .boot = *boot_, .stamp = stamp, .digest = digest}, secret_);
  if (bytes) {
    // Without it the next load reads what it could have known: that is all.
    static_cast<void>(place_private_file(folder_, name, *bytes));
  }
}

}  // namespace omnisandbox::wasm
