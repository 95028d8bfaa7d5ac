// Takes memory and writes to it until there is no more, then says how much it got, in MiB.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  unsigned mebibytes = 0;
  for (volatile char* block; (block = malloc(1 << 20)) != NULL; ++mebibytes) {
    for (size_t i = 0; i < 1 << 20; i += 4096) {
      block[i] = 1;
    }
  }
  printf("%u\n", mebibytes);
  return 1;
}
