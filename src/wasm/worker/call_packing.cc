#include "wasm/worker/call_packing.h"

#include <algorithm>
#include <cstring>

namespace omnisandbox::wasm::worker {
namespace {

// Beyond any memory that is ever packed.
constexpr std::uint32_t nowhere = 0xFFFF'FFFF;
// Reads and writes may transfer less than asked: larger ones are done in several calls.
constexpr std::uint64_t max_transfer_bytes = 1024 * 1024;
// Outputs up to here carry what the guest has there, so that bytes which the function leaves alone
// stay as they are.
constexpr std::uint64_t max_prefilled_bytes = 4096;
// The functions refuse more before they look at any.
constexpr std::uint64_t max_vectors = 1024;
constexpr std::uint64_t max_subscriptions = 4096;
constexpr std::uint32_t subscription_bytes = 48;
constexpr std::uint32_t event_bytes = 32;
constexpr std::uint32_t vector_bytes = 8;

std::uint32_t fixed_size(char kind) {
  switch (kind) {
    case 'a':
      return 4;
    case 'b':
      return 8;
    case 'c':
      return 24;
    case 'd':
      return 64;
    default:
      return 0;
  }
}

std::uint32_t low(std::uint64_t argument) { return static_cast<std::uint32_t>(argument); }

}  // namespace

std::optional<PackedCall> PackedCall::pack(const CallLayout& layout, const CallArguments& arguments,
                                           const GuestMemory& memory) {
  PackedCall call(layout);
  call.arguments_ = arguments;
  if (!call.pack_inputs(arguments, memory)) {
    return std::nullopt;
  }
  call.answer_from_ = static_cast<std::uint32_t>(call.memory_.size());
  if (!call.pack_outputs(arguments, memory)) {
    return std::nullopt;
  }
  const auto extra_from = static_cast<std::uint32_t>(call.memory_.size());
  for (const Fixup& fixup : call.extra_pointers_) {
    const std::uint32_t pointer = extra_from + fixup.offset;
    if (fixup.in_memory) {
      call.set_pointer(fixup.place, pointer);
    } else {
      call.arguments_[fixup.place] = pointer;
    }
  }
  for (Range& range : call.ranges_) {
    range.packed += range.is_counted ? extra_from - call.answer_from_ : 0;
  }
  return call;
}

bool PackedCall::is_too_large() const { return memory_.size() + extra_bytes_ > max_call_bytes; }

void PackedCall::set_pointer(std::size_t vector_place, std::uint32_t value) {
  std::memcpy(memory_.data() + vector_place, &value, sizeof value);
}

bool PackedCall::pack_inputs(const CallArguments& arguments, const GuestMemory& memory) {
  for (std::size_t index = 0; index < layout_->parameters.size(); ++index) {
    const std::uint32_t address = low(arguments[index]);
    switch (layout_->parameters[index]) {
      case 'i':
        pack_input(index, address, low(arguments[index + 1]), memory);
        break;
      case 'P':
        if (low(arguments[2]) <= max_subscriptions) {
          pack_input(index, address, std::uint64_t{low(arguments[2])} * subscription_bytes, memory);
        }
        break;
      case 'I':
      case 'O':
        pack_vectors(index, address, low(arguments[index + 1]), layout_->parameters[index], memory);
        break;
      default:
        break;
    }
    if (is_too_large()) {
      return false;
    }
  }
  return true;
}

void PackedCall::pack_input(std::size_t index, std::uint32_t address, std::uint64_t length,
                            const GuestMemory& memory) {
  const auto bytes = memory.slice(address, static_cast<std::uint32_t>(length));
  if (!bytes || length > max_call_bytes) {
    arguments_[index] = nowhere;
    has_invalid_range_ = has_invalid_range_ || !bytes;
    // Too long for a message, and so for every function, which looks at the length first.
    extra_bytes_ += bytes ? static_cast<std::uint32_t>(max_call_bytes) : 0;
    return;
  }
  arguments_[index] = memory_.size();
  memory_.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

void PackedCall::pack_vectors(std::size_t index, std::uint32_t address, std::uint64_t count,
                              char kind, const GuestMemory& memory) {
  if (count > max_vectors) {
    return;
  }
  const auto bytes = memory.slice(address, static_cast<std::uint32_t>(count * vector_bytes));
  if (!bytes) {
    arguments_[index] = nowhere;
    return;
  }
  const std::size_t place = memory_.size();
  arguments_[index] = place;
  memory_.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  std::uint64_t left = max_transfer_bytes;
  for (std::size_t entry = place; entry < place + bytes->size(); entry += vector_bytes) {
    std::uint32_t data = 0;
    std::uint32_t length = 0;
    std::memcpy(&data, memory_.data() + entry, sizeof data);
    std::memcpy(&length, memory_.data() + entry + 4, sizeof length);
    const auto range = memory.slice(data, length);
    if (!range) {
      set_pointer(entry, nowhere);
      continue;
    }
    const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(length, left));
    left -= taken;
    std::memcpy(memory_.data() + entry + 4, &taken, sizeof taken);
    if (kind == 'O') {
      ranges_.push_back({data, taken, extra_bytes_, true});
      extra_pointers_.push_back({entry, true, extra_bytes_});
      extra_bytes_ += taken;
    } else {
      set_pointer(entry, static_cast<std::uint32_t>(memory_.size()));
      memory_.append(reinterpret_cast<const char*>(range->data()), taken);
    }
  }
}

bool PackedCall::pack_outputs(const CallArguments& arguments, const GuestMemory& memory) {
  for (std::size_t index = 0; index < layout_->parameters.size(); ++index) {
    const std::uint32_t address = low(arguments[index]);
    const char kind = layout_->parameters[index];
    if (const std::uint32_t size = fixed_size(kind)) {
      pack_output(index, address, size, memory);
    } else if (kind == 'o') {
      pack_output(index, address, low(arguments[index + 1]), memory);
    } else if (kind == 'n') {
      const std::uint64_t valid = memory.size() > address ? memory.size() - address : 0;
      pack_output(index, address,
                  std::min({std::uint64_t{low(arguments[index + 1])}, valid, max_prefilled_bytes}),
                  memory);
    } else if (kind == 'E' && low(arguments[2]) <= max_subscriptions) {
      pack_output(index, address, std::uint64_t{low(arguments[2])} * event_bytes, memory);
    }
    if (is_too_large()) {
      return false;
    }
  }
  return true;
}

void PackedCall::pack_output(std::size_t index, std::uint32_t address, std::uint64_t length,
                             const GuestMemory& memory) {
  const auto bytes = memory.slice(address, static_cast<std::uint32_t>(length));
  if (!bytes) {
    arguments_[index] = nowhere;
    has_invalid_range_ = true;
    return;
  }
  if (length > max_prefilled_bytes) {
    // What does not fit is refused by the caller, so the sum does not wrap.
    const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(length, max_call_bytes));
    ranges_.push_back({address, taken, extra_bytes_, true});
    extra_pointers_.push_back({index, false, extra_bytes_});
    extra_bytes_ += length > max_call_bytes ? taken + 1 : taken;
    return;
  }
  arguments_[index] = memory_.size();
  ranges_.push_back({address, static_cast<std::uint32_t>(length),
                     static_cast<std::uint32_t>(memory_.size()) - answer_from_, false});
  memory_.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

void PackedCall::unpack(std::string_view answer, std::uint64_t result, Outcome outcome,
                        const GuestMemory& memory) const {
  std::string whole(answer);
  whole.resize(memory_.size() - answer_from_ + extra_bytes_);
  std::uint64_t written = result;
  if (layout_->written == CallLayout::Written::all) {
    written = whole.size();
  } else if (layout_->written != CallLayout::Written::result && !ranges_.empty()) {
    std::uint32_t count = 0;
    if (const Range& last = ranges_.back(); last.length == sizeof count && !last.is_counted) {
      std::memcpy(&count, whole.data() + last.packed, sizeof count);
    }
    written =
        std::uint64_t{count} * (layout_->written == CallLayout::Written::events ? event_bytes : 1);
  }
  for (const Range& range : ranges_) {
    std::uint64_t length = range.length;
    if (range.is_counted) {
      length = outcome == Outcome::succeeded ? std::min<std::uint64_t>(length, written) : 0;
      written -= length;
    }
    if (const auto target = memory.slice(range.guest, static_cast<std::uint32_t>(length))) {
      std::memcpy(target->data(), whole.data() + range.packed, static_cast<std::size_t>(length));
    }
  }
}

}  // namespace omnisandbox::wasm::worker
