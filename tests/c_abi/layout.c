/* What a program that was compiled with an older header relies on: sizes, offsets and numbers. A
 * change here breaks programs that are installed; so does an edit of this file. */
#include <omnisandbox/omnisandbox.h>

#define HOLDS(name, condition) typedef char name[(condition) ? 1 : -1]

HOLDS(bytes_size, sizeof(omnisandbox_bytes_t) == 2 * sizeof(void*));
HOLDS(bytes_data, offsetof(omnisandbox_bytes_t, data) == 0);
HOLDS(bytes_count, offsetof(omnisandbox_bytes_t, size) == sizeof(void*));
HOLDS(file_info_size, sizeof(omnisandbox_file_info_t) == 24);
HOLDS(file_info_size_bytes, offsetof(omnisandbox_file_info_t, size_bytes) == 0);
HOLDS(file_info_modified, offsetof(omnisandbox_file_info_t, modified_ns) == 8);
HOLDS(file_info_mode, offsetof(omnisandbox_file_info_t, mode) == 16);
HOLDS(file_info_type, offsetof(omnisandbox_file_info_t, type) == 20);
HOLDS(copied_files_size, sizeof(omnisandbox_copied_files_t) == 32);
HOLDS(copied_files_files, offsetof(omnisandbox_copied_files_t, files) == 0);
HOLDS(copied_files_folders, offsetof(omnisandbox_copied_files_t, folders) == 8);
HOLDS(copied_files_bytes, offsetof(omnisandbox_copied_files_t, bytes) == 16);
HOLDS(copied_files_left_out, offsetof(omnisandbox_copied_files_t, left_out) == 24);
HOLDS(enum_size, sizeof(omnisandbox_error_kind_t) == 4 && sizeof(omnisandbox_status_t) == 4);

HOLDS(error_kinds, OMNISANDBOX_ERROR_TIMEOUT == 0 && OMNISANDBOX_ERROR_MEMORY == 1 &&
                       OMNISANDBOX_ERROR_FUEL == 2 && OMNISANDBOX_ERROR_OUTPUT == 3 &&
                       OMNISANDBOX_ERROR_DENIED == 4 && OMNISANDBOX_ERROR_TRAP == 5 &&
                       OMNISANDBOX_ERROR_INVALID_ARGUMENT == 6 &&
                       OMNISANDBOX_ERROR_NOT_FOUND == 7 && OMNISANDBOX_ERROR_ALREADY_EXISTS == 8 &&
                       OMNISANDBOX_ERROR_TOO_LARGE == 9 && OMNISANDBOX_ERROR_LIMIT == 10 &&
                       OMNISANDBOX_ERROR_IO == 11 && OMNISANDBOX_ERROR_CANCELLED == 12 &&
                       OMNISANDBOX_ERROR_UNAVAILABLE == 13 && OMNISANDBOX_ERROR_INTERNAL == 14);
HOLDS(statuses, OMNISANDBOX_STATUS_OK == 0 && OMNISANDBOX_STATUS_EXITED == 1 &&
                    OMNISANDBOX_STATUS_TIMEOUT == 2 && OMNISANDBOX_STATUS_MEMORY_LIMIT == 3 &&
                    OMNISANDBOX_STATUS_FUEL_EXHAUSTED == 4 &&
                    OMNISANDBOX_STATUS_PROCESS_LIMIT == 5 && OMNISANDBOX_STATUS_TRAP == 6 &&
                    OMNISANDBOX_STATUS_DENIED == 7 && OMNISANDBOX_STATUS_CANCELLED == 8 &&
                    OMNISANDBOX_STATUS_FAILED == 9);
HOLDS(capabilities, OMNISANDBOX_FS_READ == 0 && OMNISANDBOX_FS_WRITE == 1 &&
                        OMNISANDBOX_NET_HTTP == 2 && OMNISANDBOX_EXEC_RUN == 3);
HOLDS(file_types, OMNISANDBOX_FILE_REGULAR == 0 && OMNISANDBOX_FILE_DIRECTORY == 1 &&
                      OMNISANDBOX_FILE_SYMLINK == 2 && OMNISANDBOX_FILE_OTHER == 3);
HOLDS(write_modes, OMNISANDBOX_WRITE_REPLACE == 0 && OMNISANDBOX_WRITE_APPEND == 1 &&
                       OMNISANDBOX_WRITE_CREATE_NEW == 2);
HOLDS(refused_things, OMNISANDBOX_REFUSED_PATH == 0 && OMNISANDBOX_REFUSED_PROGRAM == 1 &&
                          OMNISANDBOX_REFUSED_HOST == 2 && OMNISANDBOX_REFUSED_SYSTEM_CALL == 3);
HOLDS(isolations, OMNISANDBOX_IN_PROCESS == 0 && OMNISANDBOX_WORKER == 1);
HOLDS(languages, OMNISANDBOX_PYTHON == 0 && OMNISANDBOX_JAVASCRIPT == 1);
