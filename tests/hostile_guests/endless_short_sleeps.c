// Sleeps a millisecond at a time, for ever: no single call is long.
#include <time.h>

int main(void) {
  struct timespec moment = {0, 1000000};
  for (;;) {
    nanosleep(&moment, NULL);
  }
}
