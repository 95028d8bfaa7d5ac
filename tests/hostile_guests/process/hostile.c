/* One program, many attacks: `hostile NAME [ARG…]`. Each prints one line for every way it tried,
 * "refused: …" or "ESCAPED: …", and never does harm where it succeeds. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char** environ;

static void verdict(const char* what, long result) {
  if (result < 0) {
    printf("refused: %s: %s\n", what, strerrorname_np(errno));
  } else {
    printf("ESCAPED: %s\n", what);
  }
  fflush(stdout);
}

static int copy_file(const char* from, int to) {
  char buffer[65536];
  int source = open(from, O_RDONLY);
  if (source < 0) return -1;
  ssize_t count;
  while ((count = read(source, buffer, sizeof buffer)) > 0) {
    if (write(to, buffer, (size_t)count) != count) return -1;
  }
  close(source);
  return (int)count;
}

/* Runs `child` in a process; what it executes prints for itself. */
static void in_child(void (*child)(char**), char** args) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    child(args);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void try_exec(char** args) {
  execv(args[0], args);
  verdict(args[0], -1);
}

static void exec_each(char** args) {
  for (; *args != NULL; ++args) {
    char* one[] = {*args, NULL};
    in_child(try_exec, one);
  }
}

static void exec_with_arguments(char** args) { in_child(try_exec, args); }

static void memfd_child(char** args) {
  int file = (int)syscall(SYS_memfd_create, "x", 0);
  if (file < 0) {
    verdict("memfd_create", -1);
    return;
  }
  copy_file(args[0], file);
  char* one[] = {"memfd", "escaped", NULL};
  fexecve(file, one, environ);
  verdict("fexecve of a memfd", -1);
}

/* args: a program to copy, a folder to write it to, a loader */
static void exec_written(char** args) {
  char path[512];
  snprintf(path, sizeof path, "%s/written", args[1]);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (file < 0 || copy_file(args[0], file) != 0) {
    printf("cannot write %s: %s\n", path, strerror(errno));
    return;
  }
  close(file);
  verdict("chmod to set-user-ID", chmod(path, 04755));
  verdict("chmod to set-group-ID", syscall(SYS_fchmodat, AT_FDCWD, path, 02755));
  verdict("creation of a set-user-ID file", open("suid", O_WRONLY | O_CREAT, 04755));
  chmod(path, 0755);
  char* one[] = {path, "escaped", NULL};
  in_child(try_exec, one);
  char* loaded[] = {args[2], path, "escaped", NULL};
  in_child(try_exec, loaded);
  file = open(path, O_RDONLY);
  verdict("mmap of a written file as code",
          mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED ? -1 : 0);
  char script[520];
  snprintf(script, sizeof script, "%s.sh", path);
  file = open(script, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  dprintf(file, "#!/bin/sh\necho ESCAPED: script\n");
  close(file);
  char* two[] = {script, NULL};
  in_child(try_exec, two);
  unlink(path);
  unlink(script);
}

static void escaped(char** args) {
  (void)args;
  printf("ESCAPED: a program that nobody allowed runs\n");
}

static void system_calls(char** args) {
  char buffer[64];
  struct iovec vector = {buffer, sizeof buffer};
  pid_t outside = args[0] == NULL ? 1 : (pid_t)atoi(args[0]);
  verdict("ptrace", ptrace(PTRACE_ATTACH, 1, 0, 0));
  verdict("ptrace TRACEME", ptrace(PTRACE_TRACEME, 0, 0, 0));
  verdict("process_vm_readv", syscall(SYS_process_vm_readv, 1, &vector, 1, &vector, 1, 0));
  verdict("kill outside", kill(outside, 0));
  verdict("keyctl", syscall(SYS_keyctl, 0, 0));
  verdict("add_key", syscall(SYS_add_key, "user", "a", "b", 1, -3));
  verdict("bpf", syscall(SYS_bpf, 0, buffer, sizeof buffer));
  verdict("io_uring_setup", syscall(SYS_io_uring_setup, 4, buffer));
  verdict("userfaultfd", syscall(SYS_userfaultfd, 1));
  verdict("perf_event_open", syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
  verdict("unshare", unshare(CLONE_NEWUSER));
  verdict("setns", setns(0, 0));
  verdict("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
  verdict("umount", umount2("/tmp", MNT_DETACH));
  verdict("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  verdict("open_tree", syscall(SYS_open_tree, -100, "/", 1));
  verdict("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  verdict("chroot", chroot("/tmp"));
  verdict("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, buffer, 0));
  verdict("sethostname", sethostname("x", 1));
  int folder = open(".", O_RDONLY | O_DIRECTORY);
  int file = open("inside.txt", O_RDONLY);
  verdict("lease", fcntl(file, F_SETLEASE, F_RDLCK));
  verdict("lease in a wide number", syscall(SYS_fcntl, file, (1L << 32) | F_SETLEASE, F_RDLCK));
  verdict("news of a folder", fcntl(folder, F_NOTIFY, DN_MODIFY));
  close(folder);
  close(file);
  verdict("clone with a user namespace", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
  verdict("clone3", syscall(SYS_clone3, buffer, 64));
  verdict("memfd_create", syscall(SYS_memfd_create, "x", 0));
  verdict("memfd_secret", syscall(447, 0));
  verdict("pidfd_getfd", syscall(438, 0, 0, 0));
  verdict("mknod of a device", mknod("/tmp/device", S_IFCHR | 0666, 0x103));
  verdict("chmod of the own program", chmod("/proc/self/exe", 0777));
  char key = 'x';
  verdict("TIOCSTI", ioctl(0, TIOCSTI, &key));
  verdict("TIOCSTI with high bits", syscall(SYS_ioctl, 0, 0xffffffff00000000UL | TIOCSTI, &key));
  verdict("TIOCLINUX", ioctl(0, 0x541c, &key));
  int discipline = 13; /* N_HDLC, a module */
  verdict("TIOCSETD", ioctl(0, TIOCSETD, &discipline));
  verdict("TIOCSETD with high bits",
          syscall(SYS_ioctl, 0, 0xffffffff00000000UL | TIOCSETD, &discipline));
  verdict("personality", syscall(SYS_personality, 0x0400000));
  verdict("open of /dev/tty", open("/dev/tty", O_RDWR));
  verdict("setrlimit up", setrlimit(RLIMIT_NOFILE, &(struct rlimit){100000, 100000}));
#if defined(__x86_64__)
  verdict("an x32 call", syscall(0x40000000 + 39));
  long result = 20; /* getpid of the 32-bit interface */
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
  errno = result < 0 ? (int)-result : 0;
  verdict("a 32-bit call", result < 0 ? -1 : 0);
#endif
}

static void sockets(char** args) {
  int pair[2];
  verdict("socket AF_UNIX", socket(AF_UNIX, SOCK_STREAM, 0));
  verdict("socket AF_UNIX with high bits", syscall(SYS_socket, 0x100000001UL, SOCK_STREAM, 0));
  verdict("socket AF_INET", socket(AF_INET, SOCK_STREAM, 0));
  verdict("socket AF_INET6", socket(AF_INET6, SOCK_DGRAM, 0));
  verdict("socket AF_NETLINK", socket(AF_NETLINK, SOCK_RAW, 0));
  verdict("socket AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
  verdict("socket AF_VSOCK", socket(AF_VSOCK, SOCK_STREAM, 0));
  verdict("socket AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
  verdict("datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  if (args[0] != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", args[0]);
    verdict("connect of a pair to a socket file",
            connect(pair[0], (struct sockaddr*)&address, sizeof address));
  }
}

static void inherited(char** args) {
  (void)args;
  int found = 0;
  for (int file = 3; file < 4096; ++file) {
    if (fcntl(file, F_GETFD) >= 0) {
      printf("ESCAPED: descriptor %d is open\n", file);
      ++found;
    }
  }
  if (found == 0) printf("refused: no inherited descriptors\n");
  /* 1 exactly: for 0 the kernel still starts the program of a core_pattern that is a pipe. */
  struct rlimit core;
  getrlimit(RLIMIT_CORE, &core);
  printf("%s: core dumps\n", core.rlim_cur == 1 && core.rlim_max == 1 ? "refused" : "ESCAPED");
  printf("%s: session of the caller\n",
         getsid(0) == getpid() || getsid(0) != 0 ? "refused" : "ESCAPED");
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0) printf("%s", line);
  }
}

static void environment(char** args) {
  (void)args;
  for (char** entry = environ; *entry != NULL; ++entry) puts(*entry);
}

/* A grandchild in its own session that ignores what can be ignored and keeps the pipes open. */
static void linger(char** args) {
  if (fork() == 0) {
    setsid();
    if (fork() == 0) {
      for (int signal = 1; signal < 64; ++signal)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
      for (;;) pause();
    }
    _exit(0);
  }
  wait(NULL);
  /* Before it is said: whoever reads that may signal at once. */
  for (int signal = 1; signal < 64; ++signal)
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
  printf("lingering\n");
  fflush(stdout);
  if (strcmp(args[0], "exit") == 0) exit(0);
  if (strcmp(args[0], "stop") == 0) raise(SIGSTOP);
  for (;;) pause();
}

static void fork_bomb(char** args) {
  (void)args;
  for (;;) fork();
}

static void memory_bomb(char** args) {
  (void)args;
  for (int child = 0; child < 50 && fork() > 0; ++child) {
  }
  for (;;) {
    char* block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block != MAP_FAILED)
      memset(block, 1, 1 << 20);
    else
      usleep(1000);
  }
}

static void open_files(char** args) {
  (void)args;
  int opened = 0;
  while (opened < 100000 && open("/dev/null", O_RDONLY) >= 0) ++opened;
  printf("opened %d\n", opened);
}

static void flood(char** args) {
  static char block[65536];
  memset(block, args[1] == NULL ? 'x' : 27, sizeof block);
  block[0] = 0;
  for (long left = atol(args[0]); left > 0;) {
    long count = write(1, block, (size_t)(left < (long)sizeof block ? left : (long)sizeof block));
    if (count <= 0) exit(3);
    left -= count;
  }
}

static void fill_disk(char** args) {
  static char block[1 << 20];
  char path[512];
  snprintf(path, sizeof path, "%s/big", args[0]);
  int file = open(path, O_WRONLY | O_CREAT, 0600);
  long total = 0;
  signal(SIGXFSZ, SIG_IGN);
  for (ssize_t count; (count = write(file, block, sizeof block)) > 0;) total += count;
  printf("wrote %ld MiB: %s\n", total >> 20, strerrorname_np(errno));
}

static void look_around(char** args) {
  (void)args;
  DIR* processes = opendir("/proc");
  for (struct dirent* entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') printf("process %s\n", entry->d_name);
  }
  verdict("/proc/1/environ", open("/proc/1/environ", O_RDONLY));
  verdict("/proc/1/mem", open("/proc/1/mem", O_RDWR));
  verdict("/proc/1/root", open("/proc/1/root/etc/shadow", O_RDONLY));
  char target[64];
  verdict("/proc/1/fd/3", open("/proc/1/fd/3", O_RDONLY));
  verdict("link of /proc/1/fd/3", readlink("/proc/1/fd/3", target, sizeof target));
  verdict("/proc/sysrq-trigger", open("/proc/sysrq-trigger", O_WRONLY));
  verdict("/proc/sys/kernel/core_pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  verdict("/sys", open("/sys/kernel", O_RDONLY));
  verdict("/etc/shadow", open("/etc/shadow", O_RDONLY));
  verdict("/root", open("/root", O_RDONLY));
  verdict("/var/run", open("/var/run", O_RDONLY));
  verdict("/run", open("/run", O_RDONLY));
  verdict("/dev/mem", open("/dev/mem", O_RDONLY));
  verdict("writing /usr/lib", open("/usr/lib/new", O_WRONLY | O_CREAT, 0600));
  verdict("writing /etc", open("/etc/new", O_WRONLY | O_CREAT, 0600));
  verdict("writing /", open("/new", O_WRONLY | O_CREAT, 0600));
  verdict("writing own program", open("/proc/self/exe", O_WRONLY));
  verdict("kill pid 1", kill(1, SIGKILL) == 0 ? (errno = EPERM, -1) : -1);
}

/* args: a file that is not opened, a process outside. Nothing of it is changed where this works. */
static void metadata(char** args) {
  const char* file = args[0];
  pid_t pid = (pid_t)atoi(args[1]);
  struct rlimit limit;
  verdict("chmod outside", chmod(file, 0644));
  verdict("fchmodat outside", syscall(SYS_fchmodat, AT_FDCWD, file, 0644));
  verdict("chown outside", chown(file, getuid(), getgid()));
  verdict("times outside", utimensat(AT_FDCWD, file, NULL, 0));
  verdict("attribute outside", setxattr(file, "user.x", "", 0, 0));
  verdict("watch outside", inotify_add_watch(inotify_init(), file, IN_ACCESS));
  verdict("limits of another process", prlimit(pid, RLIMIT_CORE, NULL, &limit));
  verdict("priority of another process", setpriority(PRIO_PROCESS, (id_t)pid, 0));
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  verdict("affinity of another process", sched_setaffinity(pid, sizeof cpus, &cpus));
  printf("own limits: %d\n", getrlimit(RLIMIT_CORE, &limit));
}

/* Children that do nothing but compute. */
static void burn_cpu(char** args) {
  for (int child = atoi(args[0]); child > 0 && fork() > 0; --child) {
  }
  for (volatile long round = 0;; ++round) {
  }
}

static volatile sig_atomic_t caught;
static void on_signal(int signal) { caught = signal; }

static void catch_signal(char** args) {
  (void)args;
  for (int signal = 1; signal < 32; ++signal)
    sigaction(signal, &(struct sigaction){.sa_handler = on_signal}, NULL);
  sigset_t mask;
  sigfillset(&mask);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  printf("ready\n");
  fflush(stdout);
  sigemptyset(&mask);
  while (caught == 0) sigsuspend(&mask);
  printf("caught %d\n", (int)caught);
  fflush(stdout);
  exit(5);
}

static void in_terminal(char** args) {
  (void)args;
  char key = 'x';
  printf("terminals: %d%d%d\n", isatty(0), isatty(1), isatty(2));
  printf("foreground: %d\n", tcgetpgrp(0) == getpgrp());
  verdict("TIOCSTI", ioctl(0, TIOCSTI, &key));
  int discipline = 0;
  printf("line discipline: %d\n", ioctl(0, TIOCGETD, &discipline) == 0 ? discipline : -1);
  verdict("TIOCSETD", ioctl(0, TIOCSETD, &discipline));
  verdict("/dev/ptmx", open("/dev/ptmx", O_RDWR));
  verdict("/dev/pts", open("/dev/pts", O_RDONLY));
  char line[64];
  if (fgets(line, sizeof line, stdin) != NULL) printf("read %s", line);
  printf("end of input: %d\n", fgets(line, sizeof line, stdin) == NULL);
}

/* A file that is large without having been written. */
static void grow_sparse(char** args) {
  signal(SIGXFSZ, SIG_IGN);
  char path[512];
  snprintf(path, sizeof path, "%s/sparse", args[0]);
  int file = open(path, O_RDWR | O_CREAT, 0600);
  long long huge = 10LL << 30;
  verdict("ftruncate to 10 GiB", ftruncate(file, huge));
  verdict("fallocate of 10 GiB", fallocate(file, 0, 0, huge));
  verdict("a write at 10 GiB", pwrite(file, "x", 1, huge));
  printf("%s: a small file\n", ftruncate(file, 4096) == 0 ? "works" : "broken");
  char* map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) {
    map[0] = 1;
    printf("works: a mapping\n");
  }
  unlink(path);
}

/* What programs need of the kernel, and must have. */
static void needed_calls(char** args) {
  (void)args;
  int pair[2];
  printf("socketpair: %d\n", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  printf("pipe: %d\n", pipe(pair));
  printf("kill self: %d\n", kill(getpid(), 0));
  printf("proc: %d\n", open("/proc/self/status", O_RDONLY) >= 0);
  printf("shared memory: %d\n",
         mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  printf("executable memory: %d\n",
         mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

/* Names files without end, from many threads: nothing waits for all of them to be looked at. */
static void* name_files(void* unused) {
  (void)unused;
  char path[64];
  for (unsigned number = 0;; ++number) {
    snprintf(path, sizeof path, "/etc/new%u", number % 5000);
    if (open(path, O_WRONLY | O_CREAT, 0600) >= 0) verdict(path, 0);
    syscall(SYS_unshare, CLONE_NEWUSER);
  }
  return NULL;
}

static void name_flood(char** args) {
  for (int thread = atoi(args[0]); thread > 0; --thread) {
    pthread_t unused;
    pthread_create(&unused, NULL, name_files, NULL);
  }
  name_files(NULL);
}

/* Processes that are killed while some of their threads wait for an answer. */
static void die_while_asking(char** args) {
  for (int round = atoi(args[0]); round > 0; --round) {
    pid_t child = fork();
    if (child == 0) {
      char* threads[] = {"3"};
      name_flood(threads);
    }
    usleep((useconds_t)(round % 7) * 300);
    kill(child, round % 2 == 0 ? SIGKILL : SIGTERM);
    waitpid(child, NULL, 0);
  }
  printf("done\n");
}

/* A listener of the command's own would be asked instead of the sandbox's, and let all through. */
static void own_listener(char** args) {
  (void)args;
  struct sock_filter hand_over[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
  struct sock_fprog program = {1, hand_over};
  for (unsigned long flags = 0; flags < 64; ++flags) {
    if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) {
      unsigned long high = flags % 2 == 0 ? 0 : 0xffffffff00000000UL;
      long file = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, high | flags, &program);
      if (file >= 0 || errno != EINVAL) verdict("a listener", file);
    }
  }
  verdict("a listener by prctl", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL));
  struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog harmless = {1, allow};
  printf("a filter of its own: %ld\n", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &harmless));
  verdict("unshare", unshare(CLONE_NEWUSER));
  verdict("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
}

/* Names that are no names, and names that are no text. */
static void strange_names(char** args) {
  (void)args;
  verdict("a name at no address", open((const char*)1, O_RDONLY));
  verdict("an empty name", open("", O_RDONLY));
  char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  memset(page, 'a', 4096);
  verdict("a name without an end", open(page, O_RDONLY));
  strcpy(page + 4096 - 10, "/etc/none");
  verdict("a name that ends with its page", open(page + 4096 - 10, O_RDONLY));
  verdict("a name with escapes",
          open("/etc/\033[2J\033]0;owned\007\n\xff\xe2\x80\xae", O_WRONLY | O_CREAT, 0600));
  memset(page, 'a', 4096);
  memcpy(page, "/etc/", 5);
  page[250] = 0;
  verdict("a long name", open(page, O_WRONLY | O_CREAT, 0600));
  verdict("a folder that is no folder", openat(9999, "etc/x", O_RDONLY));
}

int main(int argc, char** argv) {
  struct {
    const char* name;
    void (*attack)(char**);
  } attacks[] = {{"exec_each", exec_each},       {"exec_with_arguments", exec_with_arguments},
                 {"memfd", memfd_child},         {"exec_written", exec_written},
                 {"escaped", escaped},           {"system_calls", system_calls},
                 {"sockets", sockets},           {"inherited", inherited},
                 {"environment", environment},   {"linger", linger},
                 {"fork_bomb", fork_bomb},       {"memory_bomb", memory_bomb},
                 {"open_files", open_files},     {"flood", flood},
                 {"fill_disk", fill_disk},       {"look_around", look_around},
                 {"burn_cpu", burn_cpu},         {"catch_signal", catch_signal},
                 {"in_terminal", in_terminal},   {"grow_sparse", grow_sparse},
                 {"needed_calls", needed_calls}, {"metadata", metadata},
                 {"name_flood", name_flood},     {"die_while_asking", die_while_asking},
                 {"own_listener", own_listener}, {"strange_names", strange_names}};
  for (size_t index = 0; argc > 1 && index < sizeof attacks / sizeof attacks[0]; ++index) {
    if (strcmp(argv[1], attacks[index].name) == 0) {
      attacks[index].attack(argv + 2);
      return 0;
    }
  }
  fprintf(stderr, "usage: hostile NAME [ARG…]\n");
  return 2;
}
