// Prints 64 MiB to stdout and 64 MiB to stderr, with NUL and escape bytes among them.
#include <string.h>
#include <unistd.h>

int main(void) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  block[0] = 0;
  memcpy(block + 1, "\033]0;owned\007\n", 11);
  for (int i = 0; i < 1024; ++i) {
    if (write(STDOUT_FILENO, block, sizeof block) != sizeof block ||
        write(STDERR_FILENO, block, sizeof block) != sizeof block) {
      return 1;
    }
  }
  return 0;
}
