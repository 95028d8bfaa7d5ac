#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "wasm/host_module.h"
#include "wasm/worker/call_layout.h"
#include "wasm/worker/channel.h"

namespace omnisandbox::wasm::worker {

class GuestSide;

/// The host functions as a worker offers them: with the names and types of the real ones, but what
/// needs a right is sent to the parent. Keep it as long as the engine that uses it.
class ForwardedCalls {
 public:
  explicit ForwardedCalls(GuestSide& side);
  ForwardedCalls(const ForwardedCalls&) = delete;
  ForwardedCalls& operator=(const ForwardedCalls&) = delete;

  std::span<const HostModule* const> modules() const { return pointers_; }

  struct Function {
    GuestSide* side = nullptr;
    const HostFunctionEntry* real = nullptr;
    const CallLayout* layout = nullptr;
    std::uint16_t number = 0;
  };
  /// By the real function's `invoke`; null for one that is not offered.
  const Function* find(std::uint64_t (*invoke)(GuestCall&,
                                               const std::uint64_t*) noexcept) const noexcept;

 private:
  std::vector<Function> functions_;
  std::vector<std::vector<HostFunctionEntry>> entries_;
  std::vector<HostModule> modules_;
  std::vector<const HostModule*> pointers_;
};

/// All host functions in one row: a function's place in it is its number in messages.
std::vector<const HostFunctionEntry*> numbered_functions();

/// What forwarded calls need of the worker: its channel, and the state of the present run.
class GuestSide {
 public:
  explicit GuestSide(Channel& channel) : channel_(channel) {}

  void begin_run(GuestRun& run);
  /// The run is gone; nothing is sent on behalf of any until the next one begins.
  void end_run() noexcept { run_ = nullptr; }
  /// What was printed since the last time goes out with the next message.
  void hold_output();
  /// Sends it.
  Expected<void> send_output();
  /// The same where it is `bytes` or more.
  void show_output(std::size_t bytes);
  /// Makes the call here or at the parent's. Returns the function's result; sets the call's end.
  std::uint64_t call(const ForwardedCalls::Function& function, GuestCall& call,
                     std::span<wasmtime_val_raw_t> values);
  /// Makes it at the parent's.
  std::uint64_t call_parent(const ForwardedCalls::Function& function, GuestCall& call,
                            const std::array<std::uint64_t, max_call_arguments>& arguments);
  /// Sends a message and waits for its answer, which is valid until the next message.
  std::string_view exchange(MessageType type, std::string_view payload, MessageType answer_type);

 private:
  bool belongs_here(const ForwardedCalls::Function& function, const GuestCall& call,
                    const std::array<std::uint64_t, max_call_arguments>& arguments) const;
  void hand_over_streams(GuestRun& run);

  Channel& channel_;
  GuestRun* run_ = nullptr;
  bool streams_are_here_ = true;
  bool last_error_is_here_ = false;
};

// What the guest prints is sent in pieces of this size, so that most of it is there even when the
// worker has to be killed.
inline constexpr std::size_t output_piece_bytes = std::size_t{32} * 1024;

}  // namespace omnisandbox::wasm::worker
