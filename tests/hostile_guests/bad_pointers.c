// Passes one range outside its memory to one function: `bad_pointers NUMBER`. Whatever the number,
// the guest must be ended by a trap and not read "survived". A number past the last prints "no such
// case".
#include <omnisandbox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAST_END ((void*)0xfffffff0u)
#define FAR ((size_t)0xffffffffu)

static void run_case(int number) {
  static char small[16];
  const char* path = "/x";
  switch (number) {
    case 0:
      omnisandbox_fs_read(PAST_END, 64, 0, -1);
      break;
    case 1:
      omnisandbox_fs_read(path, FAR, 0, -1);
      break;
    case 2:
      omnisandbox_fs_stat(path, 2, PAST_END);
      break;
    case 3:
      omnisandbox_fs_list(PAST_END, FAR);
      break;
    case 4:
      omnisandbox_fs_write(path, 2, PAST_END, 4096, 0);
      break;
    case 5:
      omnisandbox_fs_write(path, 2, small, FAR, 0);
      break;
    case 6:
      omnisandbox_http_fetch(PAST_END, 3, path, 2, NULL, 0, NULL, 0);
      break;
    case 7:
      omnisandbox_http_fetch("GET", 3, path, 2, PAST_END, FAR, NULL, 0);
      break;
    case 8:
      omnisandbox_http_fetch("GET", 3, path, 2, NULL, 0, small, FAR);
      break;
    case 9:
      omnisandbox_exec_run(path, 2, PAST_END, 1, NULL, 0);
      break;
    case 10:
      omnisandbox_exec_run(path, 2, NULL, 0, small, FAR);
      break;
    case 11:
      omnisandbox_last_error(PAST_END, 4096);
      break;
    case 12:
      omnisandbox_last_error(small, FAR);
      break;
    case 13:
      omnisandbox_fs_delete(PAST_END, 8);
      break;
    case 14:
      omnisandbox_fs_make_directory((const char*)small, FAR);
      break;
    case 15: {
      size_t end = __builtin_wasm_memory_size(0) * 65536;  // one byte past the last
      omnisandbox_fs_read((const char*)end, 1, 0, -1);
      break;
    }
    case 16: {
      size_t end = __builtin_wasm_memory_size(0) * 65536;  // half inside
      omnisandbox_fs_stat(path, 2, (struct omnisandbox_stat*)(end - 12));
      break;
    }
    default:
      puts("no such case");
      exit(9);
  }
}

int main(int argc, char** argv) {
  run_case(argc > 1 ? atoi(argv[1]) : 0);
  puts("survived");
  return 0;
}
