#pragma once

#include <optional>

#include "linux/channels.h"
#include "omnisandbox/process_sandbox.h"

namespace omnisandbox {

class CommandSignals::Impl {
 public:
  explicit Impl(linux_::Pipe pipe) : pipe_(std::move(pipe)) {}
  const linux_::Pipe& pipe() const noexcept { return pipe_; }

 private:
  linux_::Pipe pipe_;  // both ends non-blocking
};

namespace process {

/// Where a run reads the signals, or null. As long-lived as `signals`.
const linux_::Fd* signal_source(const std::optional<CommandSignals>& signals);

}  // namespace process
}  // namespace omnisandbox
