// omnisandbox-worker: runs guests, or compiles one module, for the process that started it, over
// the socket that is its descriptor 3.
//   omnisandbox-worker PARENT-PID
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <exception>

#include "wasm/worker/worker_process.h"

namespace {

constexpr int channel_descriptor = 3;
constexpr int exit_failed = 1;

}  // namespace

int main(int argument_count, char** arguments) {
  int parent = 0;
  if (argument_count != 2 ||
      std::from_chars(arguments[1], arguments[1] + std::strlen(arguments[1]), parent).ec !=
          std::errc()) {
    constexpr char text[] = "omnisandbox-worker is started by OmniSandbox, not by people\n";
    static_cast<void>(!::write(STDERR_FILENO, text, sizeof text - 1));
    return exit_failed;
  }
  try {
    omnisandbox::wasm::worker::serve(omnisandbox::linux_::Fd(channel_descriptor), parent);
  } catch (const std::exception&) {
    // The parent sees the end of the channel. No destructors: there may be threads.
    ::_exit(exit_failed);
  }
  ::_exit(0);
}
