#pragma once

#include <chrono>
#include <map>
#include <string>

#include "cli/terminal.h"
#include "omnisandbox/docker_sandbox.h"

namespace omnisandbox::cli {

/// One line on standard error that says how far an image has come, where that is a terminal that
/// can take a line away again; nothing elsewhere.
class PullDisplay {
 public:
  PullDisplay();
  ~PullDisplay() { finish(); }
  PullDisplay(const PullDisplay&) = delete;
  PullDisplay& operator=(const PullDisplay&) = delete;
  void show(const PullProgress& progress);
  /// Takes the line away.
  void finish();

 private:
  struct Layer {
    std::string status;
    std::uint64_t current_bytes = 0;
    std::uint64_t total_bytes = 0;
  };
  std::string line() const;

  const Palette palette_;
  const bool is_wanted_;
  std::map<std::string, Layer> layers_;
  std::chrono::steady_clock::time_point shown_{};
  bool is_shown_ = false;
};

}  // namespace omnisandbox::cli
