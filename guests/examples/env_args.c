// Prints its arguments and its environment, one a line: all that a guest learns of the one who runs
// it.
#include <stdio.h>

extern char** environ;

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    printf("arg %d %s\n", i, argv[i]);
  }
  for (char** variable = environ; variable != NULL && *variable != NULL; ++variable) {
    printf("env %s\n", *variable);
  }
  return 0;
}
