#pragma once

#include <cstdint>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// A new pseudo-terminal (pty(7)): what is written to one side is read from the other.
struct TerminalPair {
  Fd outer;  ///< of who holds the terminal
  Fd inner;  ///< of the programs in it; not the controlling terminal of this process
};
Expected<TerminalPair> make_terminal_pair();

/// A second descriptor for the same open file.
Expected<Fd> duplicate(const Fd& file);

}  // namespace omnisandbox::linux_
