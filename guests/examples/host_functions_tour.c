// Calls every host function once and prints what each answered. Arguments: a folder to read and
// write in, a URL, and a command with its arguments: `host_functions_tour /data
// http://127.0.0.1:8000/ wc -c`. Whether a call is granted is the policy's decision: a refusal is
// printed with its reason and is no failure of this program.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

// Prints "NAME: error CODE MESSAGE" for a call that failed; tells whether it did.
static int failed(const char* name, int32_t answer) {
  if (answer >= 0) {
    return 0;
  }
  char message[OMNISANDBOX_ERROR_MAX];
  int32_t length = omnisandbox_last_error(message, sizeof message);
  printf("%s: error %d %.*s\n", name, (int)answer, (int)length, message);
  return 1;
}

// Prints a part of a result after `label`, in pieces, as a program must that does not know the
// size.
static void print_part(const char* label, int32_t handle, int32_t part) {
  printf("%s: ", label);
  char piece[512];
  int64_t offset = 0;
  int32_t count;
  while ((count = omnisandbox_result_read(handle, part, offset, piece, sizeof piece)) > 0) {
    fwrite(piece, 1, (size_t)count, stdout);
    offset += count;
  }
  printf(" (%lld of %lld bytes)\n", (long long)omnisandbox_result_size(handle, part),
         (long long)omnisandbox_result_total_size(handle, part));
}

static void tour_of_files(const char* folder) {
  char path[512];
  snprintf(path, sizeof path, "%s/tour", folder);
  failed("fs_make_directory", omnisandbox_fs_make_directory(path, strlen(path)));

  snprintf(path, sizeof path, "%s/tour/note.txt", folder);
  const char text[] = "written by fs_write";
  failed("fs_write",
         omnisandbox_fs_write(path, strlen(path), text, strlen(text), OMNISANDBOX_WRITE_REPLACE));
  const char more[] = ", and more";
  failed("fs_write append",
         omnisandbox_fs_write(path, strlen(path), more, strlen(more), OMNISANDBOX_WRITE_APPEND));
  failed("fs_write create_new", omnisandbox_fs_write(path, strlen(path), text, strlen(text),
                                                     OMNISANDBOX_WRITE_CREATE_NEW));

  int32_t handle = omnisandbox_fs_read(path, strlen(path), 0, OMNISANDBOX_TO_END);
  if (!failed("fs_read", handle)) {
    print_part("fs_read", handle, OMNISANDBOX_PART_CONTENT);
    omnisandbox_result_drop(handle);
  }
  handle = omnisandbox_fs_read(path, strlen(path), 8, 2);
  if (!failed("fs_read range", handle)) {
    print_part("fs_read range", handle, OMNISANDBOX_PART_CONTENT);
    omnisandbox_result_drop(handle);
  }
  struct omnisandbox_stat stat;
  if (!failed("fs_stat", omnisandbox_fs_stat(path, strlen(path), &stat))) {
    printf("fs_stat: type %u, %llu bytes\n", (unsigned)stat.type,
           (unsigned long long)stat.size_bytes);
  }

  snprintf(path, sizeof path, "%s/tour", folder);
  handle = omnisandbox_fs_list(path, strlen(path));
  if (!failed("fs_list", handle)) {
    print_part("fs_list", handle, OMNISANDBOX_PART_CONTENT);
    omnisandbox_result_drop(handle);
  }
  snprintf(path, sizeof path, "%s/tour/note.txt", folder);
  failed("fs_delete", omnisandbox_fs_delete(path, strlen(path)));
  snprintf(path, sizeof path, "%s/tour", folder);
  failed("fs_delete folder", omnisandbox_fs_delete(path, strlen(path)));
}

static void tour_of_http(const char* url) {
  const char method[] = "GET";
  const char headers[] = "Accept: text/plain\n";
  int32_t handle = omnisandbox_http_fetch(method, strlen(method), url, strlen(url), headers,
                                          strlen(headers), NULL, 0);
  if (failed("http_fetch", handle)) {
    return;
  }
  printf("http_fetch: status %d\n", (int)omnisandbox_result_status(handle));
  print_part("http_fetch final URL", handle, OMNISANDBOX_PART_FINAL_URL);
  print_part("http_fetch headers", handle, OMNISANDBOX_PART_HEADERS);
  print_part("http_fetch body", handle, OMNISANDBOX_PART_BODY);
  omnisandbox_result_drop(handle);
}

static void tour_of_commands(int count, char** words) {
  char args[1024];
  size_t args_length = 0;
  for (int i = 1; i < count; ++i) {
    size_t length = strlen(words[i]) + 1;  // the NUL ends the argument, so it is passed as well
    if (length > sizeof args - args_length) {
      fputs("exec_run: the arguments are too long for this program\n", stderr);
      return;
    }
    memcpy(args + args_length, words[i], length);
    args_length += length;
  }
  const char input[] = "one line for the command's stdin\n";
  int32_t handle =
      omnisandbox_exec_run(words[0], strlen(words[0]), args, args_length, input, strlen(input));
  if (failed("exec_run", handle)) {
    return;
  }
  printf("exec_run: exit code %d\n", (int)omnisandbox_result_status(handle));
  print_part("exec_run outcome", handle, OMNISANDBOX_PART_OUTCOME);
  print_part("exec_run stdout", handle, OMNISANDBOX_PART_STDOUT);
  print_part("exec_run stderr", handle, OMNISANDBOX_PART_STDERR);
  omnisandbox_result_drop(handle);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fputs("usage: host_functions_tour FOLDER URL COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  printf("abi_version: %d\n", (int)omnisandbox_abi_version());
  tour_of_files(argv[1]);
  tour_of_http(argv[2]);
  tour_of_commands(argc - 3, argv + 3);
  return 0;
}
