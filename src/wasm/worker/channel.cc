#include "wasm/worker/channel.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/message_socket.h"

namespace omnisandbox::wasm::worker {
namespace {

using Clock = std::chrono::steady_clock;

struct Header {
  std::uint32_t payload_bytes;
  std::uint16_t type;
  std::uint16_t reserved;
};
static_assert(sizeof(Header) == 8);

// Most messages come with one call of recv(2); a larger one grows the buffer as its bytes arrive.
constexpr std::size_t receive_step_bytes = std::size_t{64} * 1024;
// After a large message the buffer is given back.
constexpr std::size_t kept_buffer_bytes = std::size_t{1024} * 1024;
// So that at least one of 256 waits tries again.
constexpr std::uint32_t most_vain_spins = 8;
// More than any message of ours brings along.
constexpr std::size_t max_waiting_descriptors = 4;

Error peer_gone() {
  return base::make_error(ErrorKind::unavailable, "the other end of the channel is gone");
}

Error too_late() {
  return base::make_error(ErrorKind::timeout,
                          "the other end of the channel did not answer in time");
}

bool is_over(const Channel::Deadline& deadline) { return deadline && Clock::now() >= *deadline; }

}  // namespace

void Channel::hold(MessageType type, std::string_view payload) {
  const Header header{static_cast<std::uint32_t>(payload.size()), static_cast<std::uint16_t>(type),
                      0};
  outgoing_.append(reinterpret_cast<const char*>(&header), sizeof header);
  outgoing_ += payload;
}

Expected<void> Channel::send(MessageType type, std::string_view payload, const Deadline& deadline,
                             const linux_::Fd* descriptor) {
  hold(type, payload);
  return flush(deadline, descriptor);
}

Expected<void> Channel::flush(const Deadline& deadline, const linux_::Fd* descriptor) {
  auto sent = send_held(deadline, descriptor);
  if (outgoing_.capacity() > kept_buffer_bytes) {
    outgoing_ = std::string();
  }
  outgoing_.clear();
  return sent;
}

Expected<void> Channel::send_held(const Deadline& deadline, const linux_::Fd* descriptor) {
  std::string_view left = outgoing_;
  while (!left.empty()) {
    const linux_::Transfer sent = TRY(linux_::send_now(socket_, left, descriptor));
    if (sent.kind == linux_::Transfer::Kind::moved) {
      left.remove_prefix(sent.bytes);
      descriptor = nullptr;
      continue;
    }
    if (sent.kind == linux_::Transfer::Kind::ended) {
      return peer_gone();
    }
    if (is_over(deadline) ||
        !TRY(linux_::wait_until_ready(socket_, linux_::Readiness::to_write, deadline))) {
      return too_late();
    }
  }
  return {};
}

// Where the other end has no core of its own, because other programs have it or this one may use
// one only, looking out keeps it from answering. So after two waits in vain more and more are
// skipped.
std::chrono::microseconds Channel::next_spin() {
  constexpr std::uint32_t forgiven = 1;
  if (vain_spins_ > forgiven && skipped_spins_ < (1U << vain_spins_)) {
    ++skipped_spins_;
    return std::chrono::microseconds(0);
  }
  return spin_;
}

Expected<void> Channel::receive_more(std::size_t wanted_bytes, const Deadline& deadline) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Never more than one step, or as much again as there is, before bytes are there.
  const std::size_t room =
      end_ + std::max(std::min(wanted_bytes - end_, std::max(end_, receive_step_bytes)),
                      receive_step_bytes);
  if (buffer_.size() < room) {
    buffer_.resize(room);
  }
  // Who does not look out for a message sleeps until it is there: looking first would be a call
  // that mostly finds nothing.
  const auto spin = end_ == 0 ? next_spin() : spin_;
  bool sleeps_first = spin.count() == 0 && end_ == 0;
  const auto spin_until = Clock::now() + spin;
  for (;;) {
    if (sleeps_first &&
        !TRY(linux_::wait_until_ready(socket_, linux_::Readiness::to_read, deadline))) {
      return too_late();
    }
    const std::span<char> free(buffer_.data() + end_, buffer_.size() - end_);
    linux_::Transfer transfer;
    if (static_cast<bool>(take_descriptors_)) {
      auto received = TRY(linux_::receive_with_descriptor(socket_, free));
      transfer = received.transfer;
      if (received.descriptor.is_open() && descriptors_.size() < max_waiting_descriptors) {
        descriptors_.push_back(std::move(received.descriptor));
      }
    } else {
      transfer = TRY(linux_::receive_now(socket_, free));
    }
    if (transfer.kind == linux_::Transfer::Kind::moved) {
      end_ += transfer.bytes;
      if (!sleeps_first && vain_spins_ > 0) {
        --vain_spins_;
      }
      return {};
    }
    if (transfer.kind == linux_::Transfer::Kind::ended) {
      return peer_gone();
    }
    if (is_over(deadline)) {
      return too_late();
    }
    if (!sleeps_first && Clock::now() >= spin_until) {
      sleeps_first = true;
      if (spin.count() > 0) {
        vain_spins_ = std::min(vain_spins_ + 1, most_vain_spins);
        skipped_spins_ = 0;
      }
    }
  }
}

Expected<Channel::Message> Channel::receive(std::size_t max_payload_bytes,
                                            const Deadline& deadline) {
  if (begin_ == end_ && buffer_.size() > kept_buffer_bytes) {
    buffer_ = std::string();
    begin_ = end_ = 0;
  }
  while (end_ - begin_ < sizeof(Header)) {
    TRY(receive_more(sizeof(Header), deadline));
  }
  Header header;
  std::memcpy(&header, buffer_.data() + begin_, sizeof header);
  if (header.payload_bytes > max_payload_bytes || header.reserved != 0) {
    return base::make_error(ErrorKind::too_large, "a message of {} bytes came; {} are allowed",
                            header.payload_bytes, max_payload_bytes);
  }
  const std::size_t whole = sizeof header + header.payload_bytes;
  while (end_ - begin_ < whole) {
    TRY(receive_more(whole, deadline));
  }
  const Message message{
      static_cast<MessageType>(header.type),
      std::string_view(buffer_.data() + begin_ + sizeof header, header.payload_bytes)};
  begin_ += whole;
  return message;
}

bool Channel::is_quiet() {
  if (end_ > begin_) {
    return false;
  }
  char byte = 0;
  const auto transfer = linux_::receive_now(socket_, std::span(&byte, 1));
  return transfer && transfer->kind == linux_::Transfer::Kind::would_block;
}

linux_::Fd Channel::take_descriptor() {
  if (descriptors_.empty()) {
    return linux_::Fd();
  }
  linux_::Fd descriptor = std::move(descriptors_.front());
  descriptors_.pop_front();
  return descriptor;
}

}  // namespace omnisandbox::wasm::worker
