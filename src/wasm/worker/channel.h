#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_bool.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/worker/messages.h"

namespace omnisandbox::wasm::worker {

using TakeDescriptors = base::StrongBool<struct TakeDescriptorsTag>;

/// Messages over one end of a stream socket, each with its length and type before it. Whoever sits
/// at the other end may stop in the middle of one, so every transfer has a deadline; a length costs
/// no memory before its bytes are there. Used by one thread at a time.
class Channel {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  /// Descriptors that come along are kept for `take_descriptor`, or closed unseen: a worker's own
  /// are never taken.
  Channel(linux_::Fd socket, TakeDescriptors take_descriptors)
      : socket_(std::move(socket)), take_descriptors_(take_descriptors) {}

  /// How long `receive` looks for bytes before it sleeps, as long as that helps. Waking a sleeper
  /// on another core costs more than most answers take.
  void set_spin(std::chrono::microseconds spin) { spin_ = spin; }

  /// Keeps a message, which `flush` sends, or `send` before its own: the peer is woken once for
  /// both.
  void hold(MessageType type, std::string_view payload);
  /// Errors: `timeout`; `unavailable` when the peer is gone.
  Expected<void> send(MessageType type, std::string_view payload, const Deadline& deadline,
                      const linux_::Fd* descriptor = nullptr);
  Expected<void> flush(const Deadline& deadline, const linux_::Fd* descriptor = nullptr);

  /// The view is valid until the next call.
  struct Message {
    MessageType type{};
    std::string_view payload{};
  };
  /// Errors: `timeout`; `unavailable` when the peer is gone; `too_large` for a message beyond
  /// `max_payload_bytes`, after which nothing more can be received.
  Expected<Message> receive(std::size_t max_payload_bytes, const Deadline& deadline);
  /// The oldest descriptor that was received; not open when there is none.
  linux_::Fd take_descriptor();

  /// Bytes of another message are here already.
  bool has_more() const noexcept { return end_ > begin_; }
  /// The peer is there and has sent nothing that was not received.
  bool is_quiet();

 private:
  Expected<void> send_held(const Deadline& deadline, const linux_::Fd* descriptor);
  std::chrono::microseconds next_spin();
  Expected<void> receive_more(std::size_t wanted_bytes, const Deadline& deadline);

  linux_::Fd socket_;
  TakeDescriptors take_descriptors_;
  std::chrono::microseconds spin_{0};
  std::uint32_t vain_spins_ = 0;  // less those that found something
  std::uint32_t skipped_spins_ = 0;
  std::string buffer_;  // received bytes are those from begin_ to end_
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::deque<linux_::Fd> descriptors_;
  std::string outgoing_;  // what is held, and what is being sent
};

}  // namespace omnisandbox::wasm::worker
