#pragma once

#include <chrono>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace omnisandbox::cli {

/// One line on standard error that says what takes its time, where that is a terminal; nothing
/// elsewhere, and nothing for what is done at once. Thread rule: all of it from any thread.
class ProgressDisplay {
 public:
  /// `what` as in "compiling tool.wasm"; safe to print.
  explicit ProgressDisplay(std::string what);
  ~ProgressDisplay() { finish(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  /// Takes the line away. Whatever is printed afterwards begins a line of its own.
  void finish();

 private:
  void show(const std::stop_token& stop);

  const std::string what_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;     // of `finish`
  std::jthread thread_;  // last: it uses the others
};

}  // namespace omnisandbox::cli
