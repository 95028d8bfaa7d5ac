// The host functions with plain C strings, as this program needs them.
#ifndef LICENCE_REPORT_HOST_H
#define LICENCE_REPORT_HOST_H

#include <omnisandbox.h>
#include <stddef.h>

// Bytes with a NUL after the last one, from malloc.
struct text {
  char* bytes;
  size_t length;
};

// Each returns 0 or more, or a negative code; `host_error` then says why. `*text` is the caller's
// to free.
int32_t host_list(const char* path, struct text* listing);
int32_t host_read(const char* path, struct text* content);
int32_t host_write(const char* path, const char* content);
int32_t host_fetch(const char* url, struct text* body);  // the HTTP status
// `args` ends with NULL. The exit code; `*output` is the command's stdout.
int32_t host_run(const char* command, const char* const* args, struct text* output);

// The message of the last call that failed, valid until the next call of this function.
const char* host_error(void);

#endif
