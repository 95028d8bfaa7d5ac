// Takes memory and writes to it until there is no more, then says how much it got, in MiB.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  unsigned mebibytes = 0;
  for (char* block; (block = malloc(1 << 20)) != NULL; ++mebibytes) {
    memset(block, (int)mebibytes + 1, 1 << 20);
  }
  printf("%u\n", mebibytes);
  return 1;
}
