// Tries to reach files that its policy does not give it, through WASI and through the host
// functions:
//   escape_files ALLOWED READONLY OUTSIDE
// ALLOWED may be read and written, READONLY read; OUTSIDE exists and is not mentioned by the
// policy. ALLOWED holds what the test put there: `link_out` → OUTSIDE, `link_file` →
// OUTSIDE/secret.txt, `dangling` → OUTSIDE/new.txt, `hard` (the same file as OUTSIDE/linked.txt).
// Prints "ESCAPED: ..." for each attempt that works; the honest twins print "honest: ..." and must
// work.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <omnisandbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char* allowed;
static const char* readonly;
static const char* outside;

static void must_not(int worked, const char* what, const char* path) {
  if (worked) {
    printf("ESCAPED: %s %s\n", what, path);
  }
}

static void must(int worked, const char* what, const char* path) {
  printf("%s: %s %s\n", worked ? "honest" : "BROKEN", what, path);
}

static int can_read_by_wasi(const char* path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    return 0;
  }
  char byte;
  int worked = read(fd, &byte, 1) >= 0;
  close(fd);
  return worked;
}

static int can_read_by_host(const char* path, size_t length) {
  int32_t handle = omnisandbox_fs_read(path, length, 0, 1);
  if (handle < 0) {
    return 0;
  }
  omnisandbox_result_drop(handle);
  return 1;
}

static int can_list(const char* path) {
  int32_t handle = omnisandbox_fs_list(path, strlen(path));
  DIR* folder = opendir(path);
  if (folder != NULL) {
    closedir(folder);
  }
  return handle >= 0 || folder != NULL;
}

static int can_write_by_wasi(const char* path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd < 0) {
    return 0;
  }
  int worked = write(fd, "x", 1) == 1 || (flags & (O_TRUNC | O_CREAT)) != 0;
  close(fd);
  return worked;
}

static int can_write_by_host(const char* path) {
  int worked = 0;
  for (int32_t mode = OMNISANDBOX_WRITE_REPLACE; mode <= OMNISANDBOX_WRITE_CREATE_NEW; ++mode) {
    worked |= omnisandbox_fs_write(path, strlen(path), "x", 1, mode) >= 0;
  }
  return worked;
}

static void try_to_read(const char* path) {
  must_not(can_read_by_wasi(path), "read with WASI", path);
  must_not(can_read_by_host(path, strlen(path)), "fs_read", path);
}

static void try_to_write(const char* path) {
  must_not(can_write_by_wasi(path, O_WRONLY), "write with WASI", path);
  must_not(can_write_by_wasi(path, O_WRONLY | O_TRUNC), "truncate with WASI", path);
  must_not(can_write_by_wasi(path, O_WRONLY | O_CREAT), "create with WASI", path);
  must_not(can_write_by_wasi(path, O_RDWR | O_APPEND | O_CREAT), "append with WASI", path);
  must_not(can_write_by_host(path), "fs_write", path);
  must_not(omnisandbox_fs_delete(path, strlen(path)) >= 0, "fs_delete", path);
  must_not(unlink(path) == 0, "unlink", path);
  must_not(omnisandbox_fs_make_directory(path, strlen(path)) >= 0, "fs_make_directory", path);
}

// Formats a path into one of a few buffers.
static const char* path_of(const char* folder, const char* rest) {
  static char paths[4][8192];
  static unsigned next;
  char* path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s%s", folder, rest);
  return path;
}

static void by_spelling(void) {
  const char* name = strrchr(outside, '/') + 1;
  char buffer[1024];
  const char* rests[] = {"/../%s/secret.txt",
                         "/./../%s/secret.txt",
                         "//..//%s//secret.txt",
                         "/sub/../../%s/secret.txt",
                         "/../../../../../../../../etc/passwd",
                         "/link_out/secret.txt",
                         "/link_out/../secret.txt",
                         "/link_file",
                         "/link_out/sub/../secret.txt"};
  for (size_t i = 0; i < sizeof rests / sizeof rests[0]; ++i) {
    snprintf(buffer, sizeof buffer, rests[i], name);
    try_to_read(path_of(allowed, buffer));
  }
  try_to_read(path_of(outside, "/secret.txt"));
  try_to_read("/etc/passwd");
  must_not(can_list(outside), "list", outside);
  must_not(can_list(path_of(allowed, "/link_out")), "list", path_of(allowed, "/link_out"));
  must_not(can_list("/"), "list", "/");
  must_not(can_list(path_of(allowed, "/..")), "list", path_of(allowed, "/.."));

  // A name that begins with an allowed one is another name.
  try_to_read(path_of(allowed, "-evil/secret.txt"));
  try_to_write(path_of(allowed, "-evil/secret.txt"));

  // A NUL does not end a path early, and bytes that are no text are just a name.
  char with_nul[1024];
  int length =
      snprintf(with_nul, sizeof with_nul, "%s/secret.txt%c%s/note.txt", outside, 0, allowed);
  must_not(can_read_by_host(with_nul, (size_t)length), "fs_read", "path with a NUL, outside first");
  length = snprintf(with_nul, sizeof with_nul, "%s/note.txt%cx", allowed, 0);
  must_not(can_read_by_host(with_nul, (size_t)length), "fs_read", "path with a NUL, allowed first");
  must_not(can_read_by_host("", 0), "fs_read", "the empty path");
  try_to_read(path_of(allowed, "/\xff\xfe/../../secret"));

  static char long_path[6000];
  memset(long_path, 'a', sizeof long_path - 1);
  memcpy(long_path, allowed, strlen(allowed));
  long_path[strlen(allowed)] = '/';
  try_to_read(long_path);
  try_to_write(long_path);
}

static void by_special_files(void) {
  const char* paths[] = {"/proc/self/root/etc/passwd",
                         "/proc/self/environ",
                         "/proc/self/fd/0",
                         "/proc/self/fd/3",
                         "/proc/self/cwd",
                         "/proc/1/environ",
                         "/dev/fd/0",
                         "/dev/stdin",
                         "/dev/zero",
                         "/dev/tty",
                         "/dev/mem",
                         "/sys/kernel"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; ++i) {
    try_to_read(paths[i]);
    try_to_write(paths[i]);
  }
}

static void by_writing(void) {
  try_to_write(path_of(outside, "/secret.txt"));
  try_to_write(path_of(outside, "/new.txt"));
  try_to_write(path_of(allowed, "/link_out/new.txt"));
  // `link_file` and `dangling` are names in ALLOWED: replacing the link itself would be allowed,
  // writing through it is not.
  must_not(can_write_by_wasi(path_of(allowed, "/link_file"), O_WRONLY | O_TRUNC),
           "write through a link", "link_file");
  must_not(can_write_by_wasi(path_of(allowed, "/dangling"), O_WRONLY | O_CREAT),
           "create through a link", "dangling");
  must_not(can_write_by_wasi(path_of(allowed, "/hard"), O_WRONLY | O_TRUNC),
           "write to a file with another name outside", "hard");
  must_not(omnisandbox_fs_write(path_of(allowed, "/hard"), strlen(allowed) + 5, "x", 1,
                                OMNISANDBOX_WRITE_APPEND) >= 0,
           "append to a file with another name outside", "hard");
  try_to_write(path_of(readonly, "/data.txt"));
  try_to_write(path_of(readonly, "/new.txt"));
  struct timespec times[2] = {{1, 0}, {1, 0}};
  must_not(utimensat(AT_FDCWD, path_of(readonly, "/data.txt"), times, 0) == 0, "set times",
           "READONLY/data.txt");
  must_not(utimensat(AT_FDCWD, path_of(allowed, "/link_file"), times, 0) == 0,
           "set times through a link", "link_file");
}

static void by_renaming_and_linking(void) {
  must_not(rename(path_of(readonly, "/data.txt"), path_of(allowed, "/stolen")) == 0, "rename",
           "out of READONLY");
  must_not(rename(path_of(allowed, "/note.txt"), path_of(readonly, "/note.txt")) == 0, "rename",
           "into READONLY");
  must_not(rename(path_of(allowed, "/note.txt"), path_of(outside, "/note.txt")) == 0, "rename",
           "to OUTSIDE");
  must_not(rename(path_of(allowed, "/note.txt"), path_of(allowed, "/link_out/note.txt")) == 0,
           "rename", "through a link");
  must_not(link(path_of(readonly, "/data.txt"), path_of(allowed, "/linked")) == 0, "link",
           "out of READONLY");
  // A second name for a link is only another link.
  if (link(path_of(allowed, "/link_file"), path_of(allowed, "/linked")) == 0) {
    try_to_read(path_of(allowed, "/linked"));
    must_not(can_write_by_wasi(path_of(allowed, "/linked"), O_WRONLY | O_TRUNC),
             "write through a link's second name", "linked");
    unlink(path_of(allowed, "/linked"));
  }
  must_not(link(path_of(outside, "/secret.txt"), path_of(allowed, "/linked")) == 0, "link",
           "to OUTSIDE");

  // A link that the guest makes itself may exist; what it names stays out of reach.
  const char* targets[] = {outside, "/", "..", "../..", "/proc/self/root", "/etc"};
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; ++i) {
    unlink(path_of(allowed, "/own_link"));
    if (symlink(targets[i], path_of(allowed, "/own_link")) == 0) {
      try_to_read(path_of(allowed, "/own_link/secret.txt"));
      try_to_read(path_of(allowed, "/own_link/etc/passwd"));
      try_to_read(path_of(allowed, "/own_link/passwd"));
      must_not(can_list(path_of(allowed, "/own_link")), "list own link to", targets[i]);
      must_not(can_write_by_wasi(path_of(allowed, "/own_link/planted"), O_WRONLY | O_CREAT),
               "create through own link to", targets[i]);
      must_not(can_write_by_host(path_of(allowed, "/own_link/planted")),
               "fs_write through own link to", targets[i]);
    }
    unlink(path_of(allowed, "/own_link"));
  }
  // A folder that is open when it is moved stays beneath its root.
  mkdir(path_of(allowed, "/a"), 0700);
  mkdir(path_of(allowed, "/a/b"), 0700);
  int folder = open(path_of(allowed, "/a/b"), O_RDONLY | O_DIRECTORY);
  rename(path_of(allowed, "/a/b"), path_of(allowed, "/b"));
  int above = folder < 0 ? -1 : openat(folder, "../../secret.txt", O_RDONLY);
  must_not(above >= 0, "open above a moved folder", "../../secret.txt");
  must_not(folder >= 0 && openat(folder, "../..", O_RDONLY | O_DIRECTORY) >= 0,
           "open above a moved folder", "../..");
  must_not(folder >= 0 && openat(folder, "/etc/passwd", O_RDONLY) >= 0,
           "open an absolute path below a folder", "/etc/passwd");
  close(folder);
  rmdir(path_of(allowed, "/b"));
  rmdir(path_of(allowed, "/a"));
}

static void honestly(void) {
  must(can_read_by_wasi(path_of(allowed, "/note.txt")), "read with WASI", "ALLOWED/note.txt");
  must(can_read_by_host(path_of(allowed, "/note.txt"), strlen(allowed) + 9), "fs_read",
       "ALLOWED/note.txt");
  must(can_read_by_wasi(path_of(allowed, "/sub/../note.txt")), "read with WASI",
       "ALLOWED/sub/../note.txt");
  must(can_read_by_wasi(path_of(readonly, "/data.txt")), "read with WASI", "READONLY/data.txt");
  must(can_write_by_wasi(path_of(allowed, "/made.txt"), O_WRONLY | O_CREAT), "create with WASI",
       "ALLOWED/made.txt");
  must(omnisandbox_fs_write(path_of(allowed, "/made.txt"), strlen(allowed) + 9, "y", 1,
                            OMNISANDBOX_WRITE_REPLACE) >= 0,
       "fs_write", "ALLOWED/made.txt");
  must(can_list(allowed), "list", "ALLOWED");
  must(unlink(path_of(allowed, "/made.txt")) == 0, "unlink", "ALLOWED/made.txt");
}

int main(int argc, char** argv) {
  if (argc != 4) {
    return 2;
  }
  allowed = argv[1];
  readonly = argv[2];
  outside = argv[3];
  honestly();
  by_spelling();
  by_special_files();
  by_writing();
  by_renaming_and_linking();
  honestly();
  puts("done");
  return 0;
}
