// Ends with the exit code that it is given: `exit_code 3`. With `abort` it traps instead.
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "abort") == 0) {
    abort();
  }
  return argc > 1 ? atoi(argv[1]) : 0;
}
