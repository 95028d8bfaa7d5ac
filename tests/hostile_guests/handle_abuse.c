// Uses result handles as they must not be used: `handle_abuse FILE`, where FILE has at least one
// byte. Prints "WRONG: ..." for each answer that is not the documented one.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

static void expect(int64_t answer, int64_t expected, const char* what) {
  if (answer != expected) {
    printf("WRONG: %s answered %lld instead of %lld\n", what, (long long)answer,
           (long long)expected);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  const char* path = argv[1];
  char byte[16] = "unchanged";

  const int32_t forged[] = {0, -1, 1, 12345, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof forged / sizeof forged[0]; ++i) {
    expect(omnisandbox_result_size(forged[i], 0), OMNISANDBOX_INVALID,
           "result_size of a forged handle");
    expect(omnisandbox_result_read(forged[i], 0, 0, byte, sizeof byte), OMNISANDBOX_INVALID,
           "result_read of a forged handle");
    expect(omnisandbox_result_status(forged[i]), OMNISANDBOX_INVALID,
           "result_status of a forged handle");
    expect(omnisandbox_result_drop(forged[i]), OMNISANDBOX_INVALID,
           "result_drop of a forged handle");
  }
  expect(strcmp(byte, "unchanged"), 0, "the buffer of failed reads");

  int32_t handle = omnisandbox_fs_read(path, strlen(path), 0, OMNISANDBOX_TO_END);
  expect(handle > 0, 1, "fs_read");
  int64_t size = omnisandbox_result_size(handle, 0);
  const int32_t parts[] = {1, 2, 3, -1, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
    expect(omnisandbox_result_size(handle, parts[i]), OMNISANDBOX_INVALID,
           "result_size of a part that is not there");
    expect(omnisandbox_result_read(handle, parts[i], 0, byte, 1), OMNISANDBOX_INVALID,
           "result_read of a part that is not there");
  }
  expect(omnisandbox_result_read(handle, 0, size, byte, sizeof byte), 0, "result_read at the end");
  expect(omnisandbox_result_read(handle, 0, size + 1, byte, sizeof byte), OMNISANDBOX_INVALID,
         "result_read past the end");
  expect(omnisandbox_result_read(handle, 0, -1, byte, sizeof byte), OMNISANDBOX_INVALID,
         "result_read before the beginning");
  expect(omnisandbox_result_read(handle, 0, INT64_MIN, byte, sizeof byte), OMNISANDBOX_INVALID,
         "result_read far before it");
  expect(omnisandbox_result_read(handle, 0, INT64_MAX, byte, sizeof byte), OMNISANDBOX_INVALID,
         "result_read far past it");
  expect(omnisandbox_result_read(handle, 0, 0, byte, 0), 0, "result_read of nothing");
  expect(omnisandbox_result_drop(handle), 0, "result_drop");
  expect(omnisandbox_result_drop(handle), OMNISANDBOX_INVALID, "the second result_drop");
  expect(omnisandbox_result_size(handle, 0), OMNISANDBOX_INVALID, "result_size after result_drop");

  // Handles that are never given back run out, and come back.
  int32_t held[1000];
  int count = 0;
  while (count < 1000 && (held[count] = omnisandbox_fs_read(path, strlen(path), 0, 1)) > 0) {
    ++count;
  }
  expect(count, 64, "the number of live handles");
  expect(omnisandbox_fs_read(path, strlen(path), 0, 1), OMNISANDBOX_LIMIT,
         "fs_read without a free handle");
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < i; ++j) {
      expect(held[i] != held[j], 1, "two live handles differ");
    }
    expect(omnisandbox_result_drop(held[i]), 0, "result_drop of many");
  }
  handle = omnisandbox_fs_read(path, strlen(path), 0, 1);
  expect(handle > 0, 1, "fs_read after all were dropped");

  // Offsets and lengths of files that make no sense.
  expect(omnisandbox_fs_read(path, strlen(path), -1, 1), OMNISANDBOX_INVALID,
         "fs_read before the beginning");
  expect(omnisandbox_fs_read(path, strlen(path), 0, -2), OMNISANDBOX_INVALID,
         "fs_read of -2 bytes");
  handle = omnisandbox_fs_read(path, strlen(path), INT64_MAX, OMNISANDBOX_TO_END);
  expect(handle < 0 || omnisandbox_result_size(handle, 0) == 0, 1, "fs_read far past the end");
  expect(omnisandbox_fs_write(path, strlen(path), "x", 1, 99), OMNISANDBOX_INVALID,
         "fs_write in an unknown mode");
  puts("done");
  return 0;
}
