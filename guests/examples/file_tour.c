// Everything that a C program usually does with files, done through WASI in the folder that is its
// argument: `file_tour FOLDER`. Ends with 0 and "file_tour: ok" when each step worked, else names
// the step that did not.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void require(int worked, const char* step) {
  if (!worked) {
    fprintf(stderr, "file_tour: %s: %s\n", step, strerror(errno));
    exit(1);
  }
  printf("%s\n", step);
}

static char* in_folder(const char* folder, const char* name) {
  static char paths[4][512];
  static unsigned next;
  char* path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static int file_holds(const char* path, const char* expected) {
  char content[256];
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    return 0;
  }
  size_t count = fread(content, 1, sizeof content, file);
  fclose(file);
  return count == strlen(expected) && memcmp(content, expected, count) == 0;
}

static int folder_holds(const char* folder, const char* name) {
  DIR* directory = opendir(folder);
  if (directory == NULL) {
    return 0;
  }
  int found = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    found |= strcmp(entry->d_name, name) == 0;
  }
  closedir(directory);
  return found;
}

static void tour_of_writing(const char* folder) {
  FILE* file = fopen(in_folder(folder, "note.txt"), "wb");
  require(file != NULL, "create a file");
  require(fputs("hello, file\n", file) >= 0 && fclose(file) == 0, "write to it");
  require(file_holds(in_folder(folder, "note.txt"), "hello, file\n"), "read it back");

  file = fopen(in_folder(folder, "note.txt"), "ab");
  require(file != NULL && fputs("more\n", file) >= 0 && fclose(file) == 0, "append to it");
  require(file_holds(in_folder(folder, "note.txt"), "hello, file\nmore\n"), "read both lines");

  int fd = open(in_folder(folder, "note.txt"), O_RDWR);
  require(fd >= 0 && pwrite(fd, "HELLO", 5, 0) == 5, "overwrite in the middle");
  require(ftruncate(fd, 5) == 0 && lseek(fd, 0, SEEK_END) == 5, "truncate and seek");
  close(fd);
  require(file_holds(in_folder(folder, "note.txt"), "HELLO"), "read the rest");

  errno = 0;
  fd = open(in_folder(folder, "note.txt"), O_WRONLY | O_CREAT | O_EXCL, 0600);
  require(fd < 0 && errno == EEXIST, "an exclusive create finds the name taken");
}

static void tour_of_folders(const char* folder) {
  require(mkdir(in_folder(folder, "inner"), 0700) == 0, "make a folder");
  require(rename(in_folder(folder, "note.txt"), in_folder(folder, "inner/note.txt")) == 0,
          "rename into it");
  struct stat info;
  require(stat(in_folder(folder, "inner/note.txt"), &info) == 0 && S_ISREG(info.st_mode) &&
              info.st_size == 5,
          "stat the file");
  require(stat(in_folder(folder, "inner"), &info) == 0 && S_ISDIR(info.st_mode), "stat the folder");
  require(folder_holds(in_folder(folder, "inner"), "note.txt"), "list the folder");
  require(file_holds(in_folder(folder, "inner/../inner/./note.txt"), "HELLO"),
          "'..' that stays inside works");
  errno = 0;
  require(rmdir(in_folder(folder, "inner")) != 0 && errno == ENOTEMPTY, "a folder in use stays");
  require(unlink(in_folder(folder, "inner/note.txt")) == 0, "delete the file");
  require(rmdir(in_folder(folder, "inner")) == 0, "delete the folder");
  errno = 0;
  require(stat(in_folder(folder, "inner"), &info) != 0 && errno == ENOENT, "both are gone");
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: file_tour FOLDER\n", stderr);
    return 2;
  }
  tour_of_writing(argv[1]);
  tour_of_folders(argv[1]);
  puts("file_tour: ok");
  return 0;
}
