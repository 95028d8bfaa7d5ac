// Copies standard input to standard output: a small program that uses stdio as most do, and the one
// that `bench/` times.
#include <stdio.h>

int main(void) {
  char buffer[4096];
  size_t count;
  while ((count = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
    if (fwrite(buffer, 1, count, stdout) != count) {
      return 1;
    }
  }
  return ferror(stdin) || fflush(stdout) != 0;
}
