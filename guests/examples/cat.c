// Prints files, like cat(1), through WASI: which of them open is the policy's decision, and a
// refusal is an errno.
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int copy(FILE* file) {
  static char buffer[65536];  // as large as the whole stack
  size_t count;
  while ((count = fread(buffer, 1, sizeof buffer, file)) > 0) {
    if (fwrite(buffer, 1, count, stdout) != count) {
      return -1;
    }
  }
  return ferror(file) ? -1 : 0;
}

int main(int argc, char** argv) {
  if (argc == 1) {
    return copy(stdin) == 0 ? 0 : 1;
  }
  int exit_code = 0;
  for (int i = 1; i < argc; ++i) {
    FILE* file = fopen(argv[i], "rb");
    if (file == NULL || copy(file) != 0) {
      fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
      exit_code = 1;
    }
    if (file != NULL) {
      fclose(file);
    }
  }
  return exit_code;
}
