// Marks everything that it can mark, and says whether it finds a mark of an earlier run: "fresh" or
// "LEAK: ...".
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int global_mark;
static volatile char big[1 << 20];

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
  // Not by malloc: what it gives is undefined, so the compiler may assume anything about it.
  size_t pages = __builtin_wasm_memory_grow(0, 64);
  volatile char* fresh = (volatile char*)(pages * 65536);
  for (size_t i = 0; i < 64 * 65536; ++i) {
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
  for (size_t i = 0; i < sizeof big; ++i) {
    big[i] = 'm';
  }
  for (size_t i = 0; i < 64 * 65536; ++i) {
    fresh[i] = 'm';
  }
  setenv("MARK", "1", 1);
  return 0;
}
