// Sleeps for an hour, then says so: a guest that no instruction counter would ever end.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  sleep(3600);
  puts("slept an hour");
  return 0;
}
