#pragma once

#include <cstddef>

#include "omnisandbox/result.h"

namespace omnisandbox::process {

/// What a run was refused, equal entries once. Bounded, whatever a command does.
class RefusalList {
 public:
  /// The texts may come from the command: they are made printable here.
  void add(Refusal refusal);
  /// Something was not looked at.
  void note_cut() noexcept { report_.is_cut = true; }
  RefusalReport take();

 private:
  RefusalReport report_;
};

/// What the policy said on its way to the network.
Refusal refusal_of_host(const Denial& denial);

// A path may have 4,096 bytes; what tells them apart is at both ends.
inline constexpr std::size_t max_refusal_text_bytes = 512;

}  // namespace omnisandbox::process
