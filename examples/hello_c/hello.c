// The smallest guest in C that asks its host for something: reads the file that its argument names.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: hello_c FILE\n", stderr);
    return 2;
  }
  char buffer[4096];
  int32_t file = omnisandbox_fs_read(argv[1], strlen(argv[1]), 0, OMNISANDBOX_TO_END);
  if (file < 0) {
    int32_t length = omnisandbox_last_error(buffer, sizeof buffer);
    fprintf(stderr, "hello_c: %.*s\n", (int)length, buffer);
    return 1;
  }
  printf("Hello! %s has %lld bytes and begins:\n", argv[1],
         (long long)omnisandbox_result_size(file, OMNISANDBOX_PART_CONTENT));
  int32_t length =
      omnisandbox_result_read(file, OMNISANDBOX_PART_CONTENT, 0, buffer, sizeof buffer - 1);
  buffer[length > 0 ? length : 0] = '\0';
  printf("%.*s\n", (int)strcspn(buffer, "\n"), buffer);
  omnisandbox_result_drop(file);
  return 0;
}
