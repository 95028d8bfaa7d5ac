#include "wasm/wasi/fd_table.h"

#include <algorithm>
#include <utility>

#include "policy/path/path_text.h"
#include "wasm/wasi/preopens.h"

namespace omnisandbox::wasm::wasi {
namespace {

constexpr std::uint32_t standard_stream_count = 3;
// Over all directories that a guest is reading at once; some 40 bytes each with a usual name.
constexpr std::size_t max_listed_entries = 500'000;

std::unique_ptr<Descriptor> standard_stream(Descriptor::Kind kind, Rights base) {
  auto descriptor = std::make_unique<Descriptor>();
  descriptor->kind = kind;
  descriptor->base = base;
  return descriptor;
}

bool counts(const Descriptor& descriptor) {
  return (descriptor.is_file() || descriptor.is_directory()) && !descriptor.preopen_name;
}

}  // namespace

FdTable::FdTable(const policy::CompiledPolicy& policy) : policy_(policy) {
  descriptors_.push_back(standard_stream(Descriptor::Kind::input, rights::of_input));
  descriptors_.push_back(standard_stream(Descriptor::Kind::output, rights::of_output));
  descriptors_.push_back(standard_stream(Descriptor::Kind::error_output, rights::of_output));
}

FdTable::~FdTable() = default;

void FdTable::add_preopens() {
  has_preopens_ = true;
  for (Descriptor& preopen : preopens_of(policy_)) {
    descriptors_.push_back(std::make_unique<Descriptor>(std::move(preopen)));
  }
}

Descriptor* FdTable::find(std::uint32_t fd) {
  if (fd >= standard_stream_count && !has_preopens_) {
    add_preopens();
  }
  return fd < descriptors_.size() ? descriptors_[fd].get() : nullptr;
}

bool FdTable::has_room() { return counted_ < policy_.limits().max_open_files; }

std::uint32_t FdTable::insert(Descriptor descriptor) {
  if (!has_preopens_) {
    add_preopens();
  }
  const auto free =
      std::find(descriptors_.begin() + lowest_free_hint_, descriptors_.end(), nullptr);
  const auto fd = static_cast<std::uint32_t>(free - descriptors_.begin());
  counted_ += counts(descriptor) ? 1 : 0;
  auto stored = std::make_unique<Descriptor>(std::move(descriptor));
  if (free == descriptors_.end()) {
    descriptors_.push_back(std::move(stored));
  } else {
    *free = std::move(stored);
  }
  lowest_free_hint_ = fd + 1;
  return fd;
}

bool FdTable::close(std::uint32_t fd) {
  const Descriptor* descriptor = find(fd);
  if (descriptor == nullptr) {
    return false;
  }
  counted_ -= counts(*descriptor) ? 1 : 0;
  descriptors_[fd].reset();
  lowest_free_hint_ = std::min(lowest_free_hint_, fd);
  return true;
}

bool FdTable::renumber(std::uint32_t from, std::uint32_t to) {
  if (find(from) == nullptr || find(to) == nullptr) {
    return false;
  }
  if (from == to) {
    return true;
  }
  counted_ -= counts(*descriptors_[to]) ? 1 : 0;
  descriptors_[to] = std::move(descriptors_[from]);
  lowest_free_hint_ = std::min(lowest_free_hint_, from);
  return true;
}

void FdTable::renamed(std::string_view old_canonical, std::string_view new_canonical) {
  for (const auto& descriptor : descriptors_) {
    if (descriptor == nullptr || descriptor->is_folder_of_files || descriptor->preopen_name ||
        !policy::is_at_or_beneath(descriptor->canonical, old_canonical)) {
      continue;
    }
    descriptor->canonical.replace(0, old_canonical.size(), new_canonical);
  }
}

bool FdTable::reserve_listing(std::size_t entries) {
  const auto fits = [&] {
    std::size_t listed = 0;
    for (const auto& descriptor : descriptors_) {
      listed += descriptor != nullptr && descriptor->listing ? descriptor->listing->size() : 0;
    }
    return entries <= max_listed_entries && listed <= max_listed_entries - entries;
  };
  if (fits()) {
    return true;
  }
  for (const auto& descriptor : descriptors_) {
    if (descriptor != nullptr && descriptor->listing && descriptor->listing->was_read_to_end) {
      descriptor->listing.reset();
    }
  }
  return fits();
}

FdTable& table_of(GuestRun& run) {
  if (run.fds == nullptr) {
    run.fds = std::make_unique<FdTable>(run.context.compiled());
  }
  return *run.fds;
}

}  // namespace omnisandbox::wasm::wasi
