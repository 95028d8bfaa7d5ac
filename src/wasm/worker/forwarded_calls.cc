#include "wasm/worker/forwarded_calls.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "wasm/bind.h"
#include "wasm/engine/engine.h"
#include "wasm/wasi/types.h"
#include "wasm/worker/call_packing.h"

namespace omnisandbox::wasm::worker {
namespace {

constexpr std::uint32_t last_standard_stream = 2;
// The largest content, and what goes with it.
constexpr std::size_t max_answer_bytes = max_call_bytes + std::size_t{4} * 1024 * 1024;

// Without its parent a worker has nothing to do and nobody to tell.
[[noreturn]] void leave() { ::_exit(0); }

wasm_trap_t* forward(void* data, wasmtime_caller_t* caller, wasmtime_val_raw_t* values,
                     std::size_t count) noexcept {
  const auto& function = *static_cast<const ForwardedCalls::Function*>(data);
  GuestCall call = begin_call(caller);
  try {
    const std::uint64_t result = function.side->call(function, call, std::span(values, count));
    if (function.real->result == ValueWidth::bits_32) {
      values[0].i32 = static_cast<std::int32_t>(result);
    } else if (function.real->result == ValueWidth::bits_64) {
      values[0].i64 = static_cast<std::int64_t>(result);
    }
  } catch (...) {
    fail_call(call);
  }
  return finish_call(call);
}

bool names_a_file(const GuestMemory& memory, std::uint32_t subscriptions, std::uint32_t count) {
  for (std::uint32_t index = 0; index < std::min(count, 4096U); ++index) {
    const auto subscription = memory.load<wasi::Subscription>(
        subscriptions + index * static_cast<std::uint32_t>(sizeof(wasi::Subscription)));
    if (!subscription) {
      return false;  // the function says so
    }
    if (subscription->tag != wasi::EventType::clock &&
        subscription->clock_id_or_descriptor > last_standard_stream) {
      return true;
    }
  }
  return false;
}

bool is_abi(const ForwardedCalls::Function& function) {
  return function.layout->module == "omnisandbox_v1";
}

}  // namespace

std::vector<const HostFunctionEntry*> numbered_functions() {
  std::vector<const HostFunctionEntry*> functions;
  for (const HostModule* module : offered_modules()) {
    for (const HostFunctionEntry& entry : module->functions) {
      functions.push_back(&entry);
    }
  }
  return functions;
}

ForwardedCalls::ForwardedCalls(GuestSide& side) {
  functions_.reserve(numbered_functions().size());  // entries point into it
  for (const HostModule* module : offered_modules()) {
    std::vector<HostFunctionEntry>& entries = entries_.emplace_back();
    for (const HostFunctionEntry& real : module->functions) {
      functions_.push_back({.side = &side,
                            .real = &real,
                            .layout = find_layout(module->name, real.name),
                            .number = static_cast<std::uint16_t>(functions_.size())});
      HostFunctionEntry entry = real;
      entry.callback = &forward;
      entry.data = &functions_.back();
      entries.push_back(entry);
    }
  }
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    modules_.push_back({.name = offered_modules()[index]->name, .functions = entries_[index]});
  }
  for (const HostModule& module : modules_) {
    pointers_.push_back(&module);
  }
}

const ForwardedCalls::Function* ForwardedCalls::find(
    std::uint64_t (*invoke)(GuestCall&, const std::uint64_t*) noexcept) const noexcept {
  const auto found =
      std::find_if(functions_.begin(), functions_.end(),
                   [&](const Function& function) { return function.real->invoke == invoke; });
  return found == functions_.end() ? nullptr : &*found;
}

void GuestSide::begin_run(GuestRun& run) {
  run_ = &run;
  streams_are_here_ = true;
  last_error_is_here_ = false;
}

void GuestSide::hold_output() {
  if (run_ == nullptr) {
    return;
  }
  for (const std::uint8_t stream : {std::uint8_t{1}, std::uint8_t{2}}) {
    OutputCapture& capture = stream == 1 ? run_->stdout_capture : run_->stderr_capture;
    const OutputCapture::Piece piece = capture.take_piece();
    if (!piece.bytes.empty() || piece.dropped_bytes != 0) {
      channel_.hold(MessageType::output, encode(Output{.stream = stream,
                                                       .dropped_bytes = piece.dropped_bytes,
                                                       .bytes = piece.bytes}));
    }
  }
}

Expected<void> GuestSide::send_output() {
  hold_output();
  return channel_.flush(std::nullopt);
}

void GuestSide::show_output(std::size_t bytes) {
  if (run_ != nullptr &&
      run_->stdout_capture.kept_bytes() + run_->stderr_capture.kept_bytes() >= bytes &&
      !send_output()) {
    leave();
  }
}

std::string_view GuestSide::exchange(MessageType type, std::string_view payload,
                                     MessageType answer_type) {
  hold_output();
  if (!channel_.send(type, payload, std::nullopt)) {
    leave();
  }
  const auto message = channel_.receive(max_answer_bytes, std::nullopt);
  if (!message || message->type != answer_type) {
    leave();
  }
  return message->payload;
}

bool GuestSide::belongs_here(const ForwardedCalls::Function& function, const GuestCall& call,
                             const CallArguments& arguments) const {
  switch (function.layout->place) {
    case CallLayout::Place::worker:
      return true;
    case CallLayout::Place::streams_in_worker:
      if (!streams_are_here_) {
        return false;
      }
      if (function.layout->written == CallLayout::Written::events) {
        return !names_a_file(call.memory, static_cast<std::uint32_t>(arguments[0]),
                             static_cast<std::uint32_t>(arguments[2]));
      }
      return arguments[0] <= last_standard_stream;
    case CallLayout::Place::parent:
      return function.real->name == "last_error" && last_error_is_here_;
  }
  return false;
}

std::uint64_t GuestSide::call(const ForwardedCalls::Function& function, GuestCall& call,
                              std::span<wasmtime_val_raw_t> values) {
  CallArguments arguments{};
  for (std::size_t index = 0; index < function.real->parameters.size(); ++index) {
    arguments[index] = function.real->parameters[index] == ValueWidth::bits_32
                           ? static_cast<std::uint32_t>(values[index].i32)
                           : static_cast<std::uint64_t>(values[index].i64);
  }
  if (belongs_here(function, call, arguments)) {
    // Before a guest sleeps, what it printed is shown.
    if (function.layout->written == CallLayout::Written::events && !send_output()) {
      leave();
    }
    const std::uint64_t result = function.real->invoke(call, arguments.data());
    show_output(output_piece_bytes);
    return result;
  }
  return call_parent(function, call, arguments);
}

void GuestSide::hand_over_streams(GuestRun& run) {
  streams_are_here_ = false;
  if (!channel_.send(MessageType::streams, encode(Streams{.stdin_position = run.stdin_position}),
                     std::nullopt)) {
    leave();
  }
}

std::uint64_t GuestSide::call_parent(const ForwardedCalls::Function& function, GuestCall& call,
                                     const CallArguments& arguments) {
  // Closing, moving or changing a standard stream changes what its number means.
  const bool may_change_streams =
      function.layout->module == "wasi_snapshot_preview1" && arguments[0] <= last_standard_stream;
  const bool renumbers = function.real->name == "fd_renumber";
  if (streams_are_here_ &&
      (may_change_streams || (renumbers && arguments[1] <= last_standard_stream))) {
    hand_over_streams(call.run);
  }
  const auto packed = PackedCall::pack(*function.layout, arguments, call.memory);
  if (!packed || (is_abi(function) && packed->has_invalid_range())) {
    // The function refuses such a call before it does anything, here as well as there, and here it
    // sees the guest's real addresses.
    last_error_is_here_ = is_abi(function);
    return function.real->invoke(call, arguments.data());
  }
  last_error_is_here_ = false;
  const auto reply = decode<CallReply>(exchange(MessageType::call,
                                                encode(Call{.function = function.number,
                                                            .arguments = packed->arguments(),
                                                            .extra_bytes = packed->extra_bytes(),
                                                            .answer_from = packed->answer_from(),
                                                            .memory = packed->memory()}),
                                                MessageType::call_reply));
  if (!reply) {
    leave();
  }
  call.end = static_cast<GuestCall::End>(reply->end);
  if (call.end != GuestCall::End::none) {
    call.run.end_message = reply->end_message;
    return 0;
  }
  const bool succeeded = is_abi(function) ? static_cast<std::int32_t>(reply->result) >= 0
                                          : static_cast<std::uint32_t>(reply->result) == 0;
  packed->unpack(reply->memory, static_cast<std::uint32_t>(reply->result),
                 succeeded ? PackedCall::Outcome::succeeded : PackedCall::Outcome::failed,
                 call.memory);
  return reply->result;
}

}  // namespace omnisandbox::wasm::worker
