#include "interrupts.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "linux/fd.h"
#include "linux/threads.h"

namespace omnisandbox::python {
namespace {

struct InterruptibleRun {
  std::stop_source* source = nullptr;
  std::uint64_t interrupts_before = 0;  // those were for runs before it
};

/// What the handler tells, and the thread that acts on it: stopping a run takes locks, which a
/// handler must not.
struct Watch {
  pid_t process = ::getpid();
  linux_::Fd wakeup{::eventfd(0, EFD_CLOEXEC)};
  std::atomic<std::uint64_t> interrupts{0};  // how many there were
  std::mutex mutex;
  std::vector<InterruptibleRun> runs;  // under `mutex`
};

// Read by the handler. Never freed: a signal may come at any time.
std::atomic<Watch*> current{nullptr};
std::atomic<void (*)(int)> python_handler{nullptr};

void on_interrupt(int signal) {
  const int saved_errno = errno;
  Watch* watch = current.load();
  // After a fork the wakeup is the parent's as well.
  if (watch != nullptr && watch->process == ::getpid()) {
    watch->interrupts.fetch_add(1);
    const std::uint64_t one = 1;
    static_cast<void>(!::write(watch->wakeup.get(), &one, sizeof one));
  }
  errno = saved_errno;
  if (auto* handler = python_handler.load()) {
    handler(signal);
  }
}

void stop_runs_when_told(Watch& watch) {
  std::uint64_t count = 0;
  while (::read(watch.wakeup.get(), &count, sizeof count) == sizeof count || errno == EINTR) {
    // This thread may come late, when the run that was meant is over and another one has begun.
    const std::uint64_t interrupts = watch.interrupts.load();
    const std::lock_guard lock(watch.mutex);
    for (const InterruptibleRun& run : watch.runs) {
      if (run.interrupts_before < interrupts) {
        run.source->request_stop();
      }
    }
  }
}

/// This process's watch, started when it is first needed.
Watch& watch_of_this_process() {
  Watch* watch = current.load();
  if (watch == nullptr || watch->process != ::getpid()) {
    auto made = std::make_unique<Watch>();
    if (!made->wakeup.is_open()) {
      throw Failure{base::make_error(ErrorKind::limit,
                                     "no eventfd for Ctrl-C to end runs: {}; this process may open "
                                     "no more files (ulimit -n)",
                                     std::strerror(errno))};
    }
    unwrap(linux_::start_thread("for Ctrl-C to end runs", [watch = made.get()] {
      stop_runs_when_told(*watch);
    })).detach();
    watch = made.release();
    current.store(watch);
  }
  return *watch;
}

bool is_main_thread() noexcept { return ::getpid() == ::syscall(SYS_gettid); }

bool handled_by_python(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler != SIG_DFL &&
         action.sa_handler != SIG_IGN;
}

}  // namespace

InterruptGuard::InterruptGuard(std::stop_source& source) {
  struct sigaction now {};
  if (!is_main_thread() || ::sigaction(SIGINT, nullptr, &now) != 0 || !handled_by_python(now)) {
    return;
  }
  Watch& watch = watch_of_this_process();
  {
    const std::lock_guard lock(watch.mutex);
    watch.runs.push_back({&source, watch.interrupts.load()});
  }
  source_ = &source;
  if (now.sa_handler != &on_interrupt) {  // else this is a run within the callback of another
    python_handler.store(now.sa_handler);
    now.sa_handler = &on_interrupt;
    installed_handler_ = ::sigaction(SIGINT, &now, nullptr) == 0;
  }
}

InterruptGuard::~InterruptGuard() {
  if (source_ == nullptr) {
    return;
  }
  if (installed_handler_) {
    struct sigaction now {};
    // A callback may have set another handler meanwhile, which stays.
    if (::sigaction(SIGINT, nullptr, &now) == 0 && now.sa_handler == &on_interrupt) {
      now.sa_handler = python_handler.load();
      ::sigaction(SIGINT, &now, nullptr);
    }
  }
  Watch& watch = watch_of_this_process();
  const std::lock_guard lock(watch.mutex);
  std::erase_if(watch.runs, [this](const InterruptibleRun& run) { return run.source == source_; });
}

}  // namespace omnisandbox::python
