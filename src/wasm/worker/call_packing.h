#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wasm/guest_memory.h"
#include "wasm/worker/call_layout.h"
#include "wasm/worker/messages.h"

namespace omnisandbox::wasm::worker {

using CallArguments = std::array<std::uint64_t, max_call_arguments>;

/// A call with what it reads copied out of the guest's memory, so that it can be made elsewhere,
/// and where its answer goes. Ranges outside the guest's memory become ranges outside the packed
/// one, so that the function says about them what it always says.
class PackedCall {
 public:
  /// Empty where the call has more to read or write than a message may hold (max_call_bytes).
  static std::optional<PackedCall> pack(const CallLayout& layout, const CallArguments& arguments,
                                        const GuestMemory& memory);

  const CallArguments& arguments() const { return arguments_; }
  const std::string& memory() const { return memory_; }
  std::uint32_t extra_bytes() const { return extra_bytes_; }
  std::uint32_t answer_from() const { return answer_from_; }

  /// A range that the function was given lies outside the guest's memory.
  bool has_invalid_range() const { return has_invalid_range_; }

  /// Copies what the function wrote into the guest's memory. `answer` is the packed memory from
  /// `answer_from` on, without the zeros at its end. `succeeded`: what is written counts.
  enum class Outcome : std::uint8_t { failed, succeeded };
  void unpack(std::string_view answer, std::uint64_t result, Outcome outcome,
              const GuestMemory& memory) const;

 private:
  struct Range {
    std::uint32_t guest = 0;
    std::uint32_t length = 0;
    std::uint32_t packed = 0;  ///< in the answer
    bool is_counted = false;   ///< only as much as was written
  };
  /// A pointer that is known only when all that is read has its place: an argument, or one in the
  /// packed memory.
  struct Fixup {
    std::size_t place = 0;
    bool in_memory = false;
    std::uint32_t offset = 0;
  };

  explicit PackedCall(const CallLayout& layout) : layout_(&layout) {}
  bool pack_inputs(const CallArguments& arguments, const GuestMemory& memory);
  bool pack_outputs(const CallArguments& arguments, const GuestMemory& memory);
  void pack_input(std::size_t index, std::uint32_t address, std::uint64_t length,
                  const GuestMemory& memory);
  void pack_vectors(std::size_t index, std::uint32_t address, std::uint64_t count, char kind,
                    const GuestMemory& memory);
  void pack_output(std::size_t index, std::uint32_t address, std::uint64_t length,
                   const GuestMemory& memory);
  void set_pointer(std::size_t vector_place, std::uint32_t value);
  bool is_too_large() const;

  const CallLayout* layout_;
  CallArguments arguments_{};
  std::string memory_;
  std::uint32_t extra_bytes_ = 0;
  std::uint32_t answer_from_ = 0;
  bool has_invalid_range_ = false;
  std::vector<Range> ranges_;
  std::vector<Fixup> extra_pointers_;
};

// What one call may carry each way: the largest body with headers and a URL.
inline constexpr std::size_t max_call_bytes = std::size_t{96} * 1024 * 1024;

}  // namespace omnisandbox::wasm::worker
