#include "wasm/module/timed_work.h"

#include <utility>

#include "linux/signals.h"
#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

void* run_work(void* argument) {
  const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
  (*work)();
  return nullptr;
}

}  // namespace

Expected<WorkThread> WorkThread::start(std::function<void()> work) {
  auto argument = std::make_unique<std::function<void()>>(std::move(work));
  pthread_t thread{};
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error == 0) {
    error = pthread_attr_setstacksize(&attributes, compiler_stack_bytes);
    if (error == 0) {
      const linux_::SignalsBlocked blocked;
      error = pthread_create(&thread, &attributes, &run_work, argument.get());
    }
    pthread_attr_destroy(&attributes);
  }
  if (error != 0) {
    Error failure = Error::from_errno(error, "pthread_create", "");
    failure.kind = ErrorKind::unavailable;
    return failure;
  }
  static_cast<void>(argument.release());  // the thread's now
  return WorkThread(thread);
}

WorkThread::WorkThread(WorkThread&& other) noexcept
    : thread_(std::exchange(other.thread_, std::nullopt)) {}

WorkThread::~WorkThread() {
  if (thread_) {
    pthread_detach(*thread_);
  }
}

void WorkThread::join() {
  pthread_join(*thread_, nullptr);
  thread_.reset();
}

}  // namespace omnisandbox::wasm
