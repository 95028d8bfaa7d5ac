// Reads a file a thousand times through the host function fs_read, whose answer says why a read was
// refused: `host_file_reader FILE`. Does what file_reader does through WASI, so that `bench/` can
// compare the two; prints the sum of all bytes.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  enum { reads = 1000 };
  if (argc != 2) {
    fputs("usage: host_file_reader FILE\n", stderr);
    return 2;
  }
  static uint8_t buffer[16384];
  uint64_t sum = 0;
  for (int i = 0; i < reads; ++i) {
    int32_t handle = omnisandbox_fs_read(argv[1], strlen(argv[1]), 0, OMNISANDBOX_TO_END);
    if (handle < 0) {
      char message[OMNISANDBOX_ERROR_MAX];
      int32_t length = omnisandbox_last_error(message, sizeof message);
      fprintf(stderr, "%.*s\n", (int)length, message);
      return 1;
    }
    int64_t offset = 0;
    int32_t count;
    while ((count = omnisandbox_result_read(handle, OMNISANDBOX_PART_CONTENT, offset, buffer,
                                            sizeof buffer)) > 0) {
      for (int32_t at = 0; at < count; ++at) {
        sum += buffer[at];
      }
      offset += count;
    }
    omnisandbox_result_drop(handle);
  }
  printf("%llu\n", (unsigned long long)sum);
  return 0;
}
