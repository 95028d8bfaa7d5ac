#include <thread>

#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {
namespace {

// No descriptor of ours is a socket: guests reach the network through http_fetch alone.
Errno not_a_socket(GuestCall& call, GuestFd fd) {
  return table_of(call.run).find(fd) == nullptr ? Errno::badf : Errno::notsock;
}

}  // namespace

void proc_exit(GuestCall& call, std::uint32_t exit_code) {
  call.run.exit_code = static_cast<int>(exit_code);
  call.end_guest(GuestCall::End::exit);
}

// A guest has no other process to signal, and `proc_exit` to end itself.
Errno proc_raise(GuestCall& /*call*/, std::uint32_t /*signal*/) { return Errno::notsup; }

Errno sched_yield(GuestCall& call) {
  if (!may_continue(call)) {
    return Errno::intr;
  }
  std::this_thread::yield();
  return Errno::success;
}

Errno sock_accept(GuestCall& call, GuestFd fd, std::uint32_t /*flags*/, Pointer /*accepted*/) {
  return not_a_socket(call, fd);
}

Errno sock_recv(GuestCall& call, GuestFd fd, Pointer /*vectors*/, Size /*vector_count*/,
                std::uint32_t /*flags*/, Pointer /*received_size*/, Pointer /*received_flags*/) {
  return not_a_socket(call, fd);
}

Errno sock_send(GuestCall& call, GuestFd fd, Pointer /*vectors*/, Size /*vector_count*/,
                std::uint32_t /*flags*/, Pointer /*sent_size*/) {
  return not_a_socket(call, fd);
}

Errno sock_shutdown(GuestCall& call, GuestFd fd, std::uint32_t /*how*/) {
  return not_a_socket(call, fd);
}

}  // namespace omnisandbox::wasm::wasi
