// Reads a file a thousand times through WASI, as a program that was written for no sandbox does:
// `file_reader FILE`. Built natively, too, so that `bench/` can compare the two; prints the sum of
// all bytes.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  enum { reads = 1000 };
  if (argc != 2) {
    fputs("usage: file_reader FILE\n", stderr);
    return 2;
  }
  static uint8_t buffer[16384];
  uint64_t sum = 0;
  for (int i = 0; i < reads; ++i) {
    int file = open(argv[1], O_RDONLY);
    if (file < 0) {
      perror(argv[1]);
      return 1;
    }
    ssize_t count;
    while ((count = read(file, buffer, sizeof buffer)) > 0) {
      for (ssize_t at = 0; at < count; ++at) {
        sum += buffer[at];
      }
    }
    close(file);
    if (count < 0) {
      perror(argv[1]);
      return 1;
    }
  }
  printf("%llu\n", (unsigned long long)sum);
  return 0;
}
