// Tries to run programs under a policy that lists `wc` alone. Prints "RAN: ..." for each that ran,
// and "answer CODE: ..." for the rest.
#include <omnisandbox.h>
#include <stdio.h>
#include <string.h>

static void try_command(const char* command, size_t length, const char* args, size_t args_length) {
  int32_t handle = omnisandbox_exec_run(command, length, args, args_length, NULL, 0);
  printf("%s %d: %.*s\n", handle >= 0 ? "RAN" : "answer", (int)handle, (int)length, command);
  if (handle >= 0) {
    omnisandbox_result_drop(handle);
  }
}

int main(void) {
  const char* commands[] = {"sh",
                            "/bin/sh",
                            "./wc",
                            "../../bin/sh",
                            "wc;id",
                            "wc id",
                            "wc|id",
                            "$(id)",
                            "/tmp/wc",
                            "wc/../sh",
                            "/proc/self/exe",
                            "WC",
                            "wc ",
                            " wc",
                            "wc\n",
                            "",
                            "*",
                            "w?",
                            "env",
                            "/lib64/ld-linux-x86-64.so.2"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; ++i) {
    try_command(commands[i], strlen(commands[i]), "", 0);
  }
  try_command("wc\0sh", 5, "", 0);
  try_command("sh\0wc", 5, "-c\0id", 6);
  return 0;
}
