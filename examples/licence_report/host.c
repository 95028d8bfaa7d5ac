#include "host.h"

#include <stdlib.h>
#include <string.h>

// Moves one part of a result to our memory and gives the handle back.
static int32_t take(int32_t handle, int32_t part, struct text* text) {
  int64_t size = omnisandbox_result_size(handle, part);
  text->bytes = malloc((size_t)size + 1);
  text->length = 0;
  if (text->bytes == NULL) {
    omnisandbox_result_drop(handle);
    return OMNISANDBOX_LIMIT;
  }
  while (text->length < (size_t)size) {
    int32_t count =
        omnisandbox_result_read(handle, part, (int64_t)text->length, text->bytes + text->length,
                                (size_t)size - text->length);
    if (count <= 0) {
      break;
    }
    text->length += (size_t)count;
  }
  text->bytes[text->length] = '\0';
  int32_t status = omnisandbox_result_status(handle);
  omnisandbox_result_drop(handle);
  return status;
}

int32_t host_list(const char* path, struct text* listing) {
  int32_t handle = omnisandbox_fs_list(path, strlen(path));
  return handle < 0 ? handle : take(handle, OMNISANDBOX_PART_CONTENT, listing);
}

int32_t host_read(const char* path, struct text* content) {
  int32_t handle = omnisandbox_fs_read(path, strlen(path), 0, OMNISANDBOX_TO_END);
  return handle < 0 ? handle : take(handle, OMNISANDBOX_PART_CONTENT, content);
}

int32_t host_write(const char* path, const char* content) {
  return omnisandbox_fs_write(path, strlen(path), content, strlen(content),
                              OMNISANDBOX_WRITE_REPLACE);
}

int32_t host_fetch(const char* url, struct text* body) {
  int32_t handle = omnisandbox_http_fetch("GET", 3, url, strlen(url), NULL, 0, NULL, 0);
  return handle < 0 ? handle : take(handle, OMNISANDBOX_PART_BODY, body);
}

int32_t host_run(const char* command, const char* const* args, struct text* output) {
  char joined[1024];
  size_t length = 0;
  for (; *args != NULL; ++args) {
    size_t with_nul = strlen(*args) + 1;  // the NUL that ends an argument belongs to it
    if (with_nul > sizeof joined - length) {
      return OMNISANDBOX_TOO_LARGE;
    }
    memcpy(joined + length, *args, with_nul);
    length += with_nul;
  }
  int32_t handle = omnisandbox_exec_run(command, strlen(command), joined, length, NULL, 0);
  return handle < 0 ? handle : take(handle, OMNISANDBOX_PART_STDOUT, output);
}

const char* host_error(void) {
  static char message[OMNISANDBOX_ERROR_MAX + 1];
  int32_t length = omnisandbox_last_error(message, OMNISANDBOX_ERROR_MAX);
  message[length < 0 ? 0 : length] = '\0';
  return message;
}
