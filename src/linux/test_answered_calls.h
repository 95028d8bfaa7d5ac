#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "linux/fd.h"
#include "linux/seccomp_listener.h"
#include "linux/thread_sanitizer.h"

namespace omnisandbox::linux_ {

/// How a system call ends: as the kernel carries it out, with an error, or with a value.
struct CallAnswer {
  enum class Kind : std::uint8_t { carried_out, refused, returned } kind = Kind::carried_out;
  std::int64_t value = 0;

  static CallAnswer carried_out() { return {}; }
  static CallAnswer refused(int error_number) { return {Kind::refused, error_number}; }
  static CallAnswer returned(std::int64_t value) { return {Kind::returned, value}; }
};

inline void give_answer(const SeccompListener& listener, const HandedCall& call,
                        CallAnswer answer) {
  seccomp_notif_resp response{.id = call.id, .val = 0, .error = 0, .flags = 0};
  switch (answer.kind) {
    case CallAnswer::Kind::carried_out:
      response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
      break;
    case CallAnswer::Kind::refused:
      response.error = -static_cast<int>(answer.value);
      break;
    case CallAnswer::Kind::returned:
      response.val = answer.value;
      break;
  }
  EXPECT_EQ(::ioctl(listener.handle().get(), SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
}

/// The receiving end of the calling thread's calls of these numbers; not open where there is none.
inline Fd hand_over(const std::vector<long>& numbers) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long number : numbers) {
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return Fd(static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter)));
}

/// Runs `body` in a thread of its own. Each of its system calls in `numbers` waits for what
/// `answer`, called with the call's `seccomp_data` in this thread, says: so a test gets the errors
/// that a kernel gives seldom, or has something happen right before a call. What the arguments
/// point to is there to be read, and written, as both are one process. False, and `body` is not
/// run, where the kernel hands no calls over. For tests only.
template <class Answer, class Body>
bool with_calls_answered(const std::vector<long>& numbers, Answer&& answer, Body&& body) {
  constexpr int not_yet = -2;
  // Nothing more than a number: sanitizers look at objects with calls of their own, which would
  // wait for an answer here.
  std::atomic<int> handed = not_yet;
  std::jthread thread([&] {
    const int listener = hand_over(numbers).release();
    handed = listener;
    handed.notify_one();
    if (listener >= 0) {
      body();
    }
  });
  handed.wait(not_yet);
  auto listener = SeccompListener::create(Fd(handed.load()));
  if (!listener || !listener->handle().is_open()) {
    return false;
  }
  // The filter ends with the thread that has it, and then there is nothing more to come.
  for (pollfd end{listener->handle().get(), POLLIN, 0}; ::poll(&end, 1, -1) >= 0;) {
    if ((end.revents & POLLIN) == 0) {
      break;
    }
    const auto call = listener->receive();
    if (call && *call) {
      const UnwatchedAccess unwatched;
      give_answer(*listener, **call, answer((*call)->data));
    }
  }
  return true;
}

/// As with_calls_answered, where all calls of one number fail.
template <class Body>
bool with_call_failing(long number, int error_number, Body&& body) {
  return with_calls_answered(
      {number}, [&](const seccomp_data&) { return CallAnswer::refused(error_number); },
      std::forward<Body>(body));
}

/// As with_calls_answered, where the call of one number fails that comes after `before` others.
template <class Body>
bool with_later_call_failing(long number, int before, int error_number, Body&& body) {
  return with_calls_answered(
      {number},
      [&, seen = 0](const seccomp_data&) mutable {
        return seen++ == before ? CallAnswer::refused(error_number) : CallAnswer::carried_out();
      },
      std::forward<Body>(body));
}

/// What an argument of a call points to.
template <class T>
T* pointed_to(const seccomp_data& call, int argument) {
  return reinterpret_cast<T*>(
      static_cast<std::uintptr_t>(call.args[argument]));  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace omnisandbox::linux_
