// Confines itself as a worker does, and then tries what a worker must not be able to do. Ends with
// 1 and a line for each thing that worked, or that must work and did not.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "wasm/worker/confinement.h"
#include "wasm/worker/messages.h"

namespace {

int failures = 0;

void say(const char* text) {
  static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text)));
  static_cast<void>(!::write(STDERR_FILENO, "\n", 1));
  ++failures;
}

void refused(const char* what, long result) {
  if (result >= 0) {
    say(what);
  }
}

void works(const char* what, bool worked) {
  if (!worked) {
    say(what);
  }
}

void try_what_is_forbidden(pid_t parent, int open_file) {
  refused("open of a file for reading", ::open("/etc/passwd", O_RDONLY));
  refused("open of a folder", ::open("/", O_RDONLY | O_DIRECTORY));
  refused("open with O_PATH", ::open("/etc", O_PATH));
  refused("openat beneath an open folder", ::openat(open_file, "passwd", O_RDONLY));
  refused("creating a file", ::open("/tmp/omnisandbox-probe", O_WRONLY | O_CREAT, 0600));
  refused("unlink", ::unlink("/tmp/omnisandbox-probe"));
  refused("chmod of an open file", ::fchmod(open_file, 0777));
  refused("chdir", ::chdir("/tmp"));
  refused("an inet socket", ::socket(AF_INET, SOCK_STREAM, 0));
  refused("a unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
  refused("a netlink socket", ::socket(AF_NETLINK, SOCK_RAW, 0));
  refused("a socket pair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, new int[2]));
  refused("fork", ::syscall(SYS_fork));
  refused("vfork-like clone", ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  refused("a new user namespace", ::unshare(CLONE_NEWUSER));
  char* const arguments[] = {nullptr};
  refused("execve", ::execve("/bin/true", arguments, arguments));
  refused("killing the parent", ::kill(parent, SIGKILL));
  refused("killing everybody", ::kill(-1, 0));
  refused("tgkill of the parent", ::syscall(SYS_tgkill, parent, parent, SIGKILL));
  refused("pidfd_open", ::syscall(SYS_pidfd_open, parent, 0));
  refused("ptrace", ::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr));
  refused("process_vm_readv", ::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0));
  refused("io_uring", ::syscall(SYS_io_uring_setup, 1, nullptr));
  refused("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
  refused("userfaultfd", ::syscall(SYS_userfaultfd, 0));
  refused("keyctl", ::syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  refused("mount", ::syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, nullptr));
  refused("prctl of dumpable", ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  const rlimit wide{RLIM_INFINITY, RLIM_INFINITY};
  refused("a wider limit", ::setrlimit(RLIMIT_DATA, &wide));
  refused("memory beyond the limit", ::mmap(nullptr, std::size_t{4} << 30, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                                         ? -1
                                         : 0);
}

void try_what_is_needed(int channel) {
  void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  works("memory", code != MAP_FAILED);
  works("memory that becomes code", ::mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
  const int file = ::memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  works("a memory file", file >= 0 && ::ftruncate(file, 4096) == 0);
  works("sealing it", ::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0);
  bool ran = false;
  std::thread([&] { ran = true; }).join();
  works("a thread", ran);
  works("the channel", ::write(channel, "x", 1) == 1);
}

}  // namespace

int main() {
  int channel[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, channel) != 0) {
    return 2;
  }
  const int folder = ::open("/etc", O_RDONLY | O_DIRECTORY);
  const int limits = ::open("/proc/self/limits", O_RDONLY);
  const pid_t parent = ::getppid();
  const auto layers = omnisandbox::wasm::worker::confine_this_process(std::uint64_t{1} << 30);
  if (!layers) {
    say(layers.error().message.c_str());
    return 1;
  }
  char text[4096] = {};
  const bool has_limits = ::read(limits, text, sizeof text - 1) > 0;
  const char* core = std::strstr(text, "Max core file size");
  long soft = -1;
  long hard = -1;
  works("no core dump, into a pipe neither",
        has_limits && core != nullptr &&
            std::sscanf(core, "Max core file size %ld %ld", &soft, &hard) == 2 && soft == 1 &&
            hard == 1);
  works("seccomp among the layers", (*layers & omnisandbox::wasm::worker::layer_seccomp) != 0);
  try_what_is_forbidden(parent, folder);
  try_what_is_needed(channel[0]);
  ::_exit(failures == 0 ? 0 : 1);
}
