#include "base/random_id.h"

#include <pthread.h>
#include <sys/random.h>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace omnisandbox::base {
namespace {

std::uint64_t random_word() {
  std::uint64_t word = 0;
  if (getrandom(&word, sizeof word, 0) == static_cast<ssize_t>(sizeof word)) {
    return word;
  }
  // Only before the kernel's pool is ready at boot; an identifier must be unique then, not secret.
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// One system call a thread, then a full-period sequence (SplitMix64): ids name runs, they keep no
// secret.
thread_local std::uint64_t state = random_word();

// A forked child would go on with its parent's sequence.
void begin_anew_after_fork() {
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { state = random_word(); });
}

}  // namespace

std::string random_id() {
  begin_anew_after_fork();
  state += 0x9E3779B97F4A7C15u;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  for (char& character : text) {
    character = digits[mixed & 15];
    mixed >>= 4;
  }
  return text;
}

}  // namespace omnisandbox::base
