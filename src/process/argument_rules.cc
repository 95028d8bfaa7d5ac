#include "process/argument_rules.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <bit>
#include <cstddef>

#include "process/native_architecture.h"

namespace omnisandbox::process {
namespace {

static_assert(std::endian::native == std::endian::little);  // the low half comes first

// From its first instruction on: loads the number, and where it is the rule's call the argument.
void append(const ArgumentRule& rule, std::vector<sock_filter>& program) {
  const auto count = static_cast<std::uint8_t>(rule.values.size());
  // Load, a comparison for each value, and an answer for each side.
  const auto length = static_cast<std::uint8_t>(1 + count + 2);
  const auto answer = [&program](const std::optional<std::uint32_t>& action, std::uint32_t to_end) {
    program.push_back(action ? sock_filter(BPF_STMT(BPF_RET | BPF_K, *action))
                             : sock_filter(BPF_STMT(BPF_JMP | BPF_JA, to_end)));
  };
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  program.push_back(
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(rule.call), 0, length));
  program.push_back(
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * rule.argument)));
  for (std::uint8_t index = 0; index < count; ++index) {
    // Over the other comparisons and the answer for what is not listed.
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule.values[index],
                               static_cast<std::uint8_t>(count - index), 0));
  }
  answer(rule.otherwise, 1);
  answer(rule.if_listed, 0);
}

}  // namespace

std::string with_argument_rules(std::span<const ArgumentRule> rules, std::string_view filter) {
  std::vector<sock_filter> program;
  for (const ArgumentRule& rule : rules) {
    append(rule, program);
  }
  const std::vector<sock_filter> head = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, native_architecture, 1, 0),
      BPF_STMT(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(program.size()))};
  program.insert(program.begin(), head.begin(), head.end());
  std::string text(reinterpret_cast<const char*>(program.data()),
                   program.size() * sizeof(sock_filter));
  return text.append(filter);
}

}  // namespace omnisandbox::process
