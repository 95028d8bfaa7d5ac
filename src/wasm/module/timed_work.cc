#include "wasm/module/timed_work.h"

#include <pthread.h>
#include <signal.h>

#include "wasm/limits.h"

namespace omnisandbox::wasm {
namespace {

void* run_work(void* argument) {
  const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
  (*work)();
  return nullptr;
}

}  // namespace

Expected<void> start_detached(std::function<void()> work) {
  auto argument = std::make_unique<std::function<void()>>(std::move(work));
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error == 0) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_attr_setstacksize(&attributes, compiler_stack_bytes);
    // The thread inherits the mask: the program's signal handlers do not expect to run on it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    if (error == 0) {
      error = pthread_create(&thread, &attributes, &run_work, argument.get());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
  }
  if (error != 0) {
    Error failure = Error::from_errno(error, "pthread_create", "");
    failure.kind = ErrorKind::unavailable;
    return failure;
  }
  static_cast<void>(argument.release());  // the thread's now
  return {};
}

}  // namespace omnisandbox::wasm
