// Times the guests `compute` and `file_reader` built natively, with the compiler and the
// optimisation of the guests: `native_runs compute - RUNS KERNEL`, `native_runs files - RUNS GUEST
// FILE`. The output is one JSON object in the form that bench/run.py
// reads from every program that it compares.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// The guests' main functions have these names here.
int compute_main(int argc, char** argv);
int file_reader_main(int argc, char** argv);

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// Runs a guest with its output in `answer` instead of on stdout, which belongs to the JSON.
static int run_once(int (*guest)(int, char**), char* argument, char* answer, size_t capacity) {
  int ends[2];
  int original = dup(STDOUT_FILENO);
  if (original < 0 || pipe(ends) != 0) {
    return -1;
  }
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  char* args[] = {(char*)"guest", argument, NULL};
  int exit_code = guest(2, args);
  fflush(stdout);
  dup2(original, STDOUT_FILENO);
  close(original);
  ssize_t length = read(ends[0], answer, capacity - 1);
  close(ends[0]);
  answer[length < 0 ? 0 : length] = '\0';
  answer[strcspn(answer, "\n")] = '\0';
  return exit_code;
}

int main(int argc, char** argv) {
  int is_compute = argc == 5 && strcmp(argv[1], "compute") == 0;
  int is_files = argc == 6 && strcmp(argv[1], "files") == 0 && strcmp(argv[4], "file_reader") == 0;
  int runs = is_compute || is_files ? atoi(argv[3]) : 0;
  if (runs < 1) {
    fputs("usage: native_runs compute - RUNS KERNEL | files - RUNS file_reader FILE\n", stderr);
    return 2;
  }
  char answer[256] = "";
  printf("{\"unit\": \"ms\", \"samples\": [");
  for (int i = 0; i < runs; ++i) {
    fflush(stdout);
    double start = now_ms();
    if (run_once(is_compute ? compute_main : file_reader_main, argv[argc - 1], answer,
                 sizeof answer) != 0) {
      return 1;
    }
    printf("%s%.3f", i == 0 ? "" : ", ", now_ms() - start);
  }
  printf("], \"answer\": \"%s\"}\n", answer);
  return 0;
}
