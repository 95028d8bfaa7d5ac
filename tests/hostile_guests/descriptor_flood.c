// Opens one file again and again without closing it: `descriptor_flood FILE`. Prints how often it
// worked, and whether the file can be opened again after all were closed.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  int opened = 0;
  int last = -1;
  for (int fd; opened < 100000 && (fd = open(argv[1], O_RDONLY)) >= 0; ++opened) {
    last = fd;
  }
  printf("%d %s\n", opened, strerror(errno));
  for (int fd = 0; fd <= last; ++fd) {
    if (fd > STDERR_FILENO) {
      close(fd);
    }
  }
  return 0;
}
