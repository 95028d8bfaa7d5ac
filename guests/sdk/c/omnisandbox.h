/* OmniSandbox host functions for C and C++ guests (wasm32). The contract is docs/guest_abi.md.
 *
 * Byte strings are an address and a length; no NUL is needed. Functions return 0 or more, or one of
 * the negative codes below; omnisandbox_last_error() then says why. A range outside the guest's
 * memory ends the guest with a trap. */
#ifndef OMNISANDBOX_GUEST_H
#define OMNISANDBOX_GUEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OMNISANDBOX_IMPORT(name) __attribute__((import_module("omnisandbox_v1"), import_name(name)))

enum {
  OMNISANDBOX_OK = 0,
  OMNISANDBOX_DENIED = -1,
  OMNISANDBOX_NOT_FOUND = -2,
  OMNISANDBOX_TOO_LARGE = -3,
  OMNISANDBOX_TIMEOUT = -4,
  OMNISANDBOX_INVALID = -5,
  OMNISANDBOX_IO = -6,
  OMNISANDBOX_LIMIT = -7,
  OMNISANDBOX_UNAVAILABLE = -8,
  OMNISANDBOX_ALREADY_EXISTS = -9,
  OMNISANDBOX_CANCELLED = -10,
  OMNISANDBOX_INTERNAL = -11
};

/* The revision of the ABI that the host offers: at least 1. */
OMNISANDBOX_IMPORT("abi_version") int32_t omnisandbox_abi_version(void);

#define OMNISANDBOX_ERROR_MAX 4096 /* the longest message, in bytes */

/* Copies the message of the last call that failed, as much of it as fits, without a NUL. Returns
 * the bytes copied. */
OMNISANDBOX_IMPORT("last_error") int32_t omnisandbox_last_error(void* buffer, size_t buffer_len);

/* ---- Files. Paths are absolute. ---- */

#define OMNISANDBOX_TO_END (-1) /* as a length: to the end of the file */

/* Returns a handle; OMNISANDBOX_PART_CONTENT holds the bytes. */
OMNISANDBOX_IMPORT("fs_read")
int32_t omnisandbox_fs_read(const char* path, size_t path_len, int64_t offset, int64_t length);

enum {
  OMNISANDBOX_TYPE_FILE = 0,
  OMNISANDBOX_TYPE_DIRECTORY = 1,
  OMNISANDBOX_TYPE_SYMLINK = 2,
  OMNISANDBOX_TYPE_OTHER = 3
};
struct omnisandbox_stat {
  uint64_t size_bytes;
  int64_t modified_ns; /* since 1970-01-01 UTC */
  uint32_t type;       /* OMNISANDBOX_TYPE_* */
  uint32_t mode;       /* permission bits */
};
OMNISANDBOX_IMPORT("fs_stat")
int32_t omnisandbox_fs_stat(const char* path, size_t path_len, struct omnisandbox_stat* stat);

/* Returns a handle; each entry of OMNISANDBOX_PART_CONTENT is a type ('f', 'd', 'l' or 'o'), the
 * name, and a NUL. */
OMNISANDBOX_IMPORT("fs_list") int32_t omnisandbox_fs_list(const char* path, size_t path_len);

enum {
  OMNISANDBOX_WRITE_REPLACE = 0,
  OMNISANDBOX_WRITE_APPEND = 1,
  OMNISANDBOX_WRITE_CREATE_NEW = 2,
  OMNISANDBOX_WRITE_SYNCED = 256 /* add to a mode: survives a power failure */
};
OMNISANDBOX_IMPORT("fs_write")
int32_t omnisandbox_fs_write(const char* path, size_t path_len, const void* content,
                             size_t content_len, int32_t mode);

/* A file, or an empty folder. */
OMNISANDBOX_IMPORT("fs_delete") int32_t omnisandbox_fs_delete(const char* path, size_t path_len);
OMNISANDBOX_IMPORT("fs_make_directory")
int32_t omnisandbox_fs_make_directory(const char* path, size_t path_len);

/* ---- HTTP ---- */

/* `headers` is lines of "Name: value\n". Returns a handle; its status is the HTTP status. */
OMNISANDBOX_IMPORT("http_fetch")
int32_t omnisandbox_http_fetch(const char* method, size_t method_len, const char* url,
                               size_t url_len, const char* headers, size_t headers_len,
                               const void* body, size_t body_len);

/* ---- Commands ---- */

/* `args` is each argument followed by a NUL, without the command's name. Returns a handle; its
 * status is the exit code. */
OMNISANDBOX_IMPORT("exec_run")
int32_t omnisandbox_exec_run(const char* command, size_t command_len, const char* args,
                             size_t args_len, const void* input, size_t input_len);

/* ---- Results ---- */

enum {
  OMNISANDBOX_PART_CONTENT = 0, /* fs_read, fs_list */

  OMNISANDBOX_PART_BODY = 0, /* http_fetch */
  OMNISANDBOX_PART_HEADERS = 1,
  OMNISANDBOX_PART_FINAL_URL = 2,

  OMNISANDBOX_PART_STDOUT = 0, /* exec_run */
  OMNISANDBOX_PART_STDERR = 1,
  OMNISANDBOX_PART_OUTCOME = 2 /* "ok", "exited", "timeout", ... */
};
/* Bytes of a part. */
OMNISANDBOX_IMPORT("result_size") int64_t omnisandbox_result_size(int32_t handle, int32_t part);
/* Bytes that there were before the output limit; more than result_size: it was cut. */
OMNISANDBOX_IMPORT("result_total_size")
int64_t omnisandbox_result_total_size(int32_t handle, int32_t part);
/* Copies from `offset` on, as much as fits. Returns the number of bytes; 0 at the end. */
OMNISANDBOX_IMPORT("result_read")
int32_t omnisandbox_result_read(int32_t handle, int32_t part, int64_t offset, void* buffer,
                                size_t buffer_len);
/* HTTP status or exit code. */
OMNISANDBOX_IMPORT("result_status") int32_t omnisandbox_result_status(int32_t handle);
/* Frees the result. At most 64 may be live at once. */
OMNISANDBOX_IMPORT("result_drop") int32_t omnisandbox_result_drop(int32_t handle);

#ifdef __cplusplus
}
#endif

#endif /* OMNISANDBOX_GUEST_H */
