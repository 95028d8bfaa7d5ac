#include "process/filter_program.h"

#include <linux/filter.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "process/native_architecture.h"
#include "process/watched_calls.h"

namespace omnisandbox::process {
namespace {

static_assert(listener_refusal == EINVAL);

std::vector<sock_filter> instructions_of(std::string_view program) {
  std::vector<sock_filter> instructions(program.size() / sizeof(sock_filter));
  if (!instructions.empty()) {
    std::memcpy(instructions.data(), program.data(), instructions.size() * sizeof(sock_filter));
  }
  return instructions;
}

bool holds(std::uint16_t operation, std::uint32_t left, std::uint32_t right) {
  switch (operation) {
    case BPF_JEQ:
      return left == right;
    case BPF_JGT:
      return left > right;
    case BPF_JGE:
      return left >= right;
    default:
      return (left & right) != 0;  // BPF_JSET
  }
}

// The few instructions that libseccomp makes: loads, masks, jumps, answers. Jumps only go forwards,
// so it ends.
class Machine {
 public:
  explicit Machine(const seccomp_data& call) { std::memcpy(input_.data(), &call, sizeof call); }

  std::optional<std::uint32_t> run(const std::vector<sock_filter>& program) {
    for (std::size_t next = 0; next < program.size(); ++next) {
      const sock_filter& step = program[next];
      switch (BPF_CLASS(step.code)) {
        case BPF_LD:
          if (step.code != (BPF_LD | BPF_W | BPF_ABS) || step.k % 4 != 0 ||
              step.k > input_.size() - 4) {
            return std::nullopt;
          }
          std::memcpy(&accumulator_, input_.data() + step.k, sizeof accumulator_);
          break;
        case BPF_ALU:
          if (step.code != (BPF_ALU | BPF_AND | BPF_K)) {
            return std::nullopt;
          }
          accumulator_ &= step.k;
          break;
        case BPF_JMP:
          if (BPF_OP(step.code) == BPF_JA) {
            next += step.k;
          } else if (BPF_SRC(step.code) == BPF_K && BPF_OP(step.code) <= BPF_JSET) {
            next += holds(BPF_OP(step.code), accumulator_, step.k) ? step.jt : step.jf;
          } else {
            return std::nullopt;
          }
          break;
        case BPF_RET:
          return step.code == (BPF_RET | BPF_K) ? std::optional(step.k) : std::nullopt;
        default:
          return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  std::array<char, sizeof(seccomp_data)> input_;
  std::uint32_t accumulator_ = 0;
};

}  // namespace

std::optional<std::uint32_t> answer_of(std::string_view program, const seccomp_data& call) {
  return Machine(call).run(instructions_of(program));
}

std::string handing_over(std::string_view enforcing) {
  constexpr std::uint32_t hand_over = SECCOMP_RET_USER_NOTIF;
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 0, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const WatchedCall& call : watched_calls()) {
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, hand_over));
  }
  // Another architecture's numbers mean other calls.
  program[1].jf = static_cast<std::uint8_t>(program.size() - 2);
  for (sock_filter step : instructions_of(enforcing)) {
    const bool refuses = step.code == (BPF_RET | BPF_K) &&
                         (step.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                         (step.k & SECCOMP_RET_DATA) != listener_refusal;
    if (refuses) {
      step.k = hand_over;
    }
    program.push_back(step);
  }
  return std::string(reinterpret_cast<const char*>(program.data()),
                     program.size() * sizeof(sock_filter));
}

}  // namespace omnisandbox::process
