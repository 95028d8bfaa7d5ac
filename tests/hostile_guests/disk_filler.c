// Fills a folder until the host stops it: `disk_filler FOLDER files|bytes|sparse|appends|deleted`.
// Prints how many writes worked.
#include <errno.h>
#include <fcntl.h>
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char block[65536];
static char path[512];

static int write_file(const char* folder, unsigned long number, size_t length, int32_t mode) {
  snprintf(path, sizeof path, "%s/f%lu", folder, number);
  return omnisandbox_fs_write(path, strlen(path), block, length, mode) >= 0;
}

static int grow_file(const char* folder, unsigned long number) {
  snprintf(path, sizeof path, "%s/big", folder);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  int worked = fd >= 0 && pwrite(fd, block, sizeof block, (off_t)(number * sizeof block)) > 0;
  if (fd >= 0) {
    close(fd);
  }
  return worked;
}

// A file of 1 TiB that takes no room yet.
static int make_sparse(const char* folder, unsigned long number) {
  snprintf(path, sizeof path, "%s/sparse", folder);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  const off_t far = (off_t)1 << 40;
  int worked =
      fd >= 0 && (number % 2 == 0 ? ftruncate(fd, far) == 0 : pwrite(fd, "x", 1, far) == 1);
  if (fd >= 0) {
    close(fd);
  }
  return worked && number < 4;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  const char* folder = argv[1];
  const char* how = argv[2];
  unsigned long writes = 0;
  int worked = 1;
  while (worked && writes < 10000000) {
    if (strcmp(how, "files") == 0) {
      worked = write_file(folder, writes, 0, OMNISANDBOX_WRITE_REPLACE);
    } else if (strcmp(how, "bytes") == 0) {
      worked = grow_file(folder, writes);
    } else if (strcmp(how, "sparse") == 0) {
      worked = make_sparse(folder, writes);
    } else if (strcmp(how, "appends") == 0) {
      worked = write_file(folder, 0, sizeof block, OMNISANDBOX_WRITE_APPEND);
    } else {
      // What was deleted has been written all the same.
      worked = write_file(folder, 0, sizeof block, OMNISANDBOX_WRITE_REPLACE) &&
               omnisandbox_fs_delete(path, strlen(path)) >= 0;
    }
    writes += (unsigned long)worked;
  }
  printf("%lu\n", writes);
  return 0;
}
