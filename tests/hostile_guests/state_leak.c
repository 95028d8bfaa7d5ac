// Marks everything that it can mark, and says whether it finds a mark of an earlier run: "fresh" or
// "LEAK: ...".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int global_mark;
static char big[1 << 20];

int main(void) {
  const char* leak = NULL;
  if (global_mark != 0) {
    leak = "a global";
  }
  for (size_t i = 0; i < sizeof big; ++i) {
    if (big[i] != 0) {
      leak = "memory";
      break;
    }
  }
  unsigned char* fresh = malloc(4 << 20);
  for (size_t i = 64; fresh != NULL && i < 4 << 20; ++i) {  // the allocator's own bytes come first
    if (fresh[i] != 0) {
      leak = "new memory";
      break;
    }
  }
  if (getenv("MARK") != NULL) {
    leak = "the environment";
  }
  char byte;
  if (read(STDIN_FILENO, &byte, 1) != 0) {
    leak = "stdin";
  }
  printf("%s%s\n", leak == NULL ? "fresh" : "LEAK: ", leak == NULL ? "" : leak);
  global_mark = 1;
  memset(big, 'm', sizeof big);
  if (fresh != NULL) {
    memset(fresh, 'm', 4 << 20);
  }
  setenv("MARK", "1", 1);
  return 0;
}
