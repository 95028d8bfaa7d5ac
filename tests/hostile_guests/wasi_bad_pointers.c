// Passes ranges outside its memory to WASI's functions. WASI answers with an errno where the host
// functions trap: either is fine, as long as nothing outside is read or written and the guest
// cannot take it for success. Prints "ACCEPTED: ..." for each that worked.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WASI_IMPORT(name) \
  __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
// With plain numbers for addresses, as no header would let them be called.
WASI_IMPORT("fd_write")
int32_t raw_fd_write(int32_t fd, uint32_t iovs, uint32_t count, uint32_t written);
WASI_IMPORT("fd_read")
int32_t raw_fd_read(int32_t fd, uint32_t iovs, uint32_t count, uint32_t read);
WASI_IMPORT("random_get") int32_t raw_random_get(uint32_t buffer, uint32_t length);
WASI_IMPORT("clock_time_get")
int32_t raw_clock_time_get(int32_t clock, int64_t precision, uint32_t time);
WASI_IMPORT("poll_oneoff")
int32_t raw_poll_oneoff(uint32_t in, uint32_t out, uint32_t count, uint32_t events);
WASI_IMPORT("path_open")
int32_t raw_path_open(int32_t fd, int32_t dirflags, uint32_t path, uint32_t length, int32_t oflags,
                      int64_t rights, int64_t inheriting, int32_t fdflags, uint32_t opened);
WASI_IMPORT("fd_readdir")
int32_t raw_fd_readdir(int32_t fd, uint32_t buffer, uint32_t length, int64_t cookie, uint32_t used);

static void must_not_be_success(int32_t code, const char* what) {
  if (code == 0) {
    printf("ACCEPTED: %s\n", what);
  }
}

int main(int argc, char** argv) {
  static uint32_t iovs[2];
  static uint32_t count;
  uint32_t at = (uint32_t)(uintptr_t)iovs;
  uint32_t result = (uint32_t)(uintptr_t)&count;
  int choice = argc > 1 ? argv[1][0] : 'a';
  switch (choice) {
    case 'a':
      iovs[0] = 0xffff0000u, iovs[1] = 65536;
      must_not_be_success(raw_fd_write(1, at, 1, result), "fd_write from past the end");
      break;
    case 'b':
      must_not_be_success(raw_fd_write(1, at, 0xffffffffu, result), "fd_write of 2^32-1 buffers");
      break;
    case 'c':
      iovs[0] = 1024, iovs[1] = 0xffffffffu;
      must_not_be_success(raw_fd_write(1, at, 1, result), "fd_write of 2^32-1 bytes");
      break;
    case 'd':
      iovs[0] = 0xfffffff0u, iovs[1] = 16;
      must_not_be_success(raw_fd_read(0, at, 1, result), "fd_read to past the end");
      break;
    case 'e':
      must_not_be_success(raw_random_get(0xfffffff0u, 4096), "random_get to past the end");
      break;
    case 'f':
      must_not_be_success(raw_clock_time_get(1, 0, 0xfffffffcu), "clock_time_get to past the end");
      break;
    case 'g':
      must_not_be_success(raw_poll_oneoff(at, at, 0xffffffffu, result),
                          "poll_oneoff of 2^32-1 subscriptions");
      break;
    case 'h':
      must_not_be_success(raw_poll_oneoff(0xfffffff0u, 0xfffffff0u, 1, result),
                          "poll_oneoff past the end");
      break;
    case 'i':
      must_not_be_success(raw_path_open(3, 0, 0xfffffff0u, 64, 0, -1, -1, 0, result),
                          "path_open of a path past the end");
      break;
    case 'j':
      must_not_be_success(raw_path_open(0, 0, at, 4, 0, -1, -1, 0, result),
                          "path_open beneath stdin");
      break;
    case 'k':
      must_not_be_success(raw_fd_readdir(3, 0xfffffff0u, 4096, 0, result),
                          "fd_readdir to past the end");
      break;
    case 'l':
      must_not_be_success(raw_fd_readdir(3, at, 8, -1, 0xfffffffeu),
                          "fd_readdir with its count past the end");
      break;
    case 'm':
      must_not_be_success(raw_fd_write(-1, at, 0, result), "fd_write to no descriptor");
      break;
    default:
      puts("no such case");
      return 9;
  }
  return 0;
}
