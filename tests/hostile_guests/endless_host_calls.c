// Calls the host for ever: with `denied`, for what the policy refuses, until the host says that it
// is enough. Prints how many calls.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "/etc/shadow";
  unsigned long calls = 0;
  struct omnisandbox_stat stat;
  int32_t code;
  do {
    code = omnisandbox_fs_stat(path, strlen(path), &stat);
    ++calls;
  } while (code != OMNISANDBOX_LIMIT);
  printf("%lu\n", calls);
  return 0;
}
