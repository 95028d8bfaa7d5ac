// Times the guest `compute` built natively, with the compiler and the optimisation of the guest:
// `native_runs compute - RUNS KERNEL`. The output is one JSON object in the form that bench/run.py
// reads from every program that it compares.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int compute_main(int argc,
                 char** argv);  // guests/examples/compute.c, whose main has this name here

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// Runs the kernel with its output in `answer` instead of on stdout, which belongs to the JSON.
static int run_once(char* kernel, char* answer, size_t capacity) {
  int ends[2];
  int original = dup(STDOUT_FILENO);
  if (original < 0 || pipe(ends) != 0) {
    return -1;
  }
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  char* args[] = {(char*)"compute", kernel, NULL};
  int exit_code = compute_main(2, args);
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
  int runs = argc == 5 && strcmp(argv[1], "compute") == 0 ? atoi(argv[3]) : 0;
  if (runs < 1) {
    fputs("usage: native_runs compute - RUNS KERNEL\n", stderr);
    return 2;
  }
  char answer[256] = "";
  printf("{\"unit\": \"ms\", \"samples\": [");
  for (int i = 0; i < runs; ++i) {
    fflush(stdout);
    double start = now_ms();
    if (run_once(argv[4], answer, sizeof answer) != 0) {
      return 1;
    }
    printf("%s%.3f", i == 0 ? "" : ", ", now_ms() - start);
  }
  printf("], \"answer\": \"%s\"}\n", answer);
  return 0;
}
