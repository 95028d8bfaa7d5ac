#include "process/filter_program.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "process/native_architecture.h"
#include "process/seccomp_filter.h"
#include "process/watched_calls.h"

namespace omnisandbox::process {
namespace {

constexpr std::uint32_t refused_with(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

seccomp_data call(int number, std::uint64_t first = 0, std::uint64_t second = 0) {
  return {
      .nr = number, .arch = native_architecture, .instruction_pointer = 0, .args = {first, second}};
}

TEST(FilterProgram, AnswersAsTheKernelDoes) {
  const auto filter = build_seccomp_filter(FilterKind::no_network);
  ASSERT_TRUE(filter);
  EXPECT_EQ(answer_of(*filter, call(SYS_read)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer_of(*filter, call(SYS_ptrace)), refused_with(EPERM));
  EXPECT_EQ(answer_of(*filter, call(SYS_clone3)), refused_with(ENOSYS));
  EXPECT_EQ(answer_of(*filter, call(SYS_socket, AF_INET, SOCK_STREAM)), refused_with(EACCES));
  EXPECT_EQ(answer_of(*filter, call(SYS_socketpair, AF_UNIX, SOCK_STREAM)), SECCOMP_RET_ALLOW);
  seccomp_data foreign = call(SYS_read);
  foreign.arch = AUDIT_ARCH_I386;
  EXPECT_EQ(answer_of(*filter, foreign), refused_with(ENOSYS));
}

TEST(FilterProgram, ATerminalsRequestsThatReachBeyondItAreRefused) {
  for (const auto kind :
       {FilterKind::no_network, FilterKind::proxied, FilterKind::without_namespaces}) {
    const auto filter = build_seccomp_filter(kind);
    ASSERT_TRUE(filter);
    for (const std::uint64_t high : {std::uint64_t{0}, std::uint64_t{0xffffffff} << 32}) {
      const auto ioctl = [high](int request) {
        return call(SYS_ioctl, 0, high | static_cast<std::uint64_t>(request));
      };
      for (const int request : {TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD}) {
        EXPECT_EQ(answer_of(*filter, ioctl(request)), refused_with(EPERM)) << request;
      }
      for (const int request :
           {TCGETS, TCSETSW, TIOCGWINSZ, TIOCSWINSZ, TIOCGETD, TIOCSPGRP, TIOCSCTTY, FIONREAD}) {
        EXPECT_EQ(answer_of(*filter, ioctl(request)), SECCOMP_RET_ALLOW) << request;
      }
    }
  }
}

TEST(FilterProgram, AProgramThatTheKernelWouldNotTakeHasNoAnswer) {
  const auto program = [](std::initializer_list<sock_filter> steps) {
    return std::string(reinterpret_cast<const char*>(steps.begin()),
                       steps.size() * sizeof(sock_filter));
  };
  EXPECT_EQ(answer_of("", call(0)), std::nullopt);
  EXPECT_EQ(answer_of(program({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(seccomp_data))}), call(0)),
            std::nullopt);
  EXPECT_EQ(answer_of(program({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2)}), call(0)), std::nullopt);
  EXPECT_EQ(answer_of(program({BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff)}), call(0)), std::nullopt);
  EXPECT_EQ(answer_of(program({BPF_STMT(BPF_RET | BPF_A, 0)}), call(0)), std::nullopt);
  EXPECT_EQ(answer_of(program({BPF_STMT(BPF_RET | BPF_K, 5)}), call(0)), 5U);
}

TEST(FilterProgram, NoCommandHandsCallsOverItself) {
  for (const auto kind :
       {FilterKind::no_network, FilterKind::proxied, FilterKind::without_namespaces}) {
    const auto filter = build_seccomp_filter(kind);
    ASSERT_TRUE(filter);
    const std::string handing = handing_over(*filter);
    for (const std::uint64_t high : {std::uint64_t{0}, std::uint64_t{0xffffffff} << 32}) {
      for (std::uint64_t flags = 0; flags < 256; ++flags) {
        const auto asked = call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, high | flags);
        const bool has_listener = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
        const std::uint32_t expected =
            has_listener ? refused_with(listener_refusal) : SECCOMP_RET_ALLOW;
        EXPECT_EQ(answer_of(*filter, asked), expected);
        EXPECT_EQ(answer_of(handing, asked), expected);
      }
    }
  }
}

// Nothing that is refused is let through by the filter itself, and nothing else changes.
TEST(FilterProgram, HandingOverKeepsEveryRefusal) {
  std::mt19937_64 random(7);
  for (const auto kind :
       {FilterKind::no_network, FilterKind::proxied, FilterKind::without_namespaces}) {
    const auto filter = build_seccomp_filter(kind);
    ASSERT_TRUE(filter);
    const std::string handing = handing_over(*filter);
    for (int number = 0; number < 500; ++number) {
      for (int round = 0; round < 40; ++round) {
        seccomp_data asked = call(number);
        asked.arch = round % 8 == 7 ? std::uint32_t{AUDIT_ARCH_I386} : native_architecture;
        for (auto& argument : asked.args) {
          argument = random() >> (random() % 64);
        }
        const auto before = answer_of(*filter, asked);
        const auto after = answer_of(handing, asked);
        ASSERT_TRUE(before && after);
        const bool is_watched =
            asked.arch == native_architecture && find_watched_call(number) != nullptr;
        if (is_watched ||
            (*before != SECCOMP_RET_ALLOW && *before != refused_with(listener_refusal))) {
          EXPECT_EQ(*after, SECCOMP_RET_USER_NOTIF) << number;
        } else {
          EXPECT_EQ(*after, *before) << number;
        }
      }
    }
  }
}

}  // namespace
}  // namespace omnisandbox::process
