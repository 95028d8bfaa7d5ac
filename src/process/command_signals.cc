#include "process/command_signals.h"

#include <csignal>
#include <string_view>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox {

Expected<CommandSignals> CommandSignals::create() {
  linux_::Pipe pipe = TRY(linux_::make_pipe());
  TRY(linux_::set_nonblocking(pipe.read_end));
  TRY(linux_::set_nonblocking(pipe.write_end));
  return CommandSignals(std::make_shared<const Impl>(std::move(pipe)));
}

Expected<void> CommandSignals::send(int signal) const {
  if (signal < 1 || signal > SIGRTMAX) {
    return base::make_error(ErrorKind::invalid_argument, "{} is no signal (1 to {})", signal,
                            SIGRTMAX);
  }
  const char byte = static_cast<char>(signal);
  const auto sent = TRY(linux_::write_available(impl_->pipe().write_end, {&byte, 1}));
  if (sent.kind != linux_::Transfer::Kind::moved) {
    return base::make_error(ErrorKind::limit, "more signals wait for the command than it takes");
  }
  return {};
}

namespace process {

const linux_::Fd* signal_source(const std::optional<CommandSignals>& signals) {
  return signals ? &signals->impl()->pipe().read_end : nullptr;
}

}  // namespace process
}  // namespace omnisandbox
