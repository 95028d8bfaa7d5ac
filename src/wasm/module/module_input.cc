#include "wasm/module/module_input.h"

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/units.h"
#include "linux/file_system.h"
#include "linux/regular_file.h"
#include "wasm/limits.h"
#include "wasm/module/module_shape.h"
#include "wasm/module/module_text.h"
#include "wasm/module/preamble.h"

namespace omnisandbox::wasm {
namespace {

Expected<void> check_pin(const ModuleFile& file, const Digest& digest) {
  if (file.sha256.empty() || hex_of(digest) == file.sha256) {
    return {};
  }
  return base::make_error(ErrorKind::invalid_argument,
                          "the module {} has the digest sha256:{}, and sha256:{} is pinned; it was "
                          "changed, or the pin is for another version",
                          base::printable(file.path), hex_of(digest),
                          base::printable(file.sha256, 2 * sizeof(Digest)));
}

}  // namespace

ModuleInput ModuleInput::borrow(std::span<const std::byte> bytes) {
  ModuleInput input;
  input.bytes_ = bytes;
  return input;
}

Expected<ModuleInput> ModuleInput::copy(std::span<const std::byte> bytes) {
  TRY(check_module_size(bytes.size()));
  ModuleInput input;
  input.own_.assign(bytes.begin(), bytes.end());
  input.bytes_ = input.own_;
  return input;
}

Expected<ModuleInput> ModuleInput::open(const ModuleFile& file,
                                        std::shared_ptr<const ModuleCache> cache) {
  ModuleInput input;
  input.origin_ = file;
  input.cache_ = std::move(cache);
  input.unread_ = TRY(linux_::open_regular_file(file.path));
  const struct stat status = TRY(linux_::stat_of(input.unread_));
  if (static_cast<std::uint64_t>(status.st_size) > max_module_bytes) {
    return base::make_error(ErrorKind::too_large, "the module {} is larger than the limit of {}",
                            base::printable(file.path), base::format_byte_size(max_module_bytes));
  }
  if (input.cache_ != nullptr) {
    input.digest_ = input.cache_->digest_of(stamp_of(status));
  }
  if (input.digest_) {
    input.own_.resize(preamble_bytes);
    input.own_.resize(TRY(linux_::read_full_at(input.unread_, input.own_, 0)));
    input.bytes_ = input.own_;
  }
  if (!input.digest_ || !begins_as_binary(input.bytes_)) {
    TRY(input.read());
    return input;
  }
  TRY(check_pin(input.origin_, *input.digest_));
  return input;
}

bool ModuleInput::is_component() const noexcept { return is_component_source(bytes_); }

bool ModuleInput::is_sealed() const noexcept { return is_cache_entry(bytes_); }

const Digest& ModuleInput::digest() {
  if (!digest_) {
    digest_ = sha256(bytes_);
  }
  return *digest_;
}

Expected<std::span<const std::byte>> ModuleInput::bytes() {
  if (unread_.is_open()) {
    TRY(read());
  }
  return bytes_;
}

Expected<void> ModuleInput::read() {
  const std::optional<FileStamp> lasting =
      cache_ != nullptr ? lasting_stamp(unread_) : std::nullopt;
  const auto size = static_cast<std::uint64_t>(TRY(linux_::stat_of(unread_)).st_size);
  TRY(check_module_size(static_cast<std::size_t>(size)));
  own_.resize(static_cast<std::size_t>(size));
  own_.resize(TRY(linux_::read_full_at(unread_, own_, 0)));
  bytes_ = own_;
  digest_.reset();
  if (!origin_.sha256.empty()) {
    TRY(check_pin(origin_, digest()));
  }
  // What is no binary is small, or compiled already, and is not looked up by its digest alone.
  if (lasting && begins_as_binary(bytes_) && stamp_of(TRY(linux_::stat_of(unread_))) == *lasting) {
    cache_->remember_digest(*lasting, digest());
  }
  unread_.reset();
  return {};
}

}  // namespace omnisandbox::wasm
