/* Shifts the wall clock of one process by the seconds in the file that WALL_SHIFT names. The kernel
   has no namespace for this clock, and a test must not set the machine's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  const char *name = getenv("WALL_SHIFT");
  long shift = 0;
  FILE *file = clock == CLOCK_REALTIME && name ? fopen(name, "r") : NULL;
  if (file) {
    if (fscanf(file, "%ld", &shift) == 1) now->tv_sec += shift;
    fclose(file);
  }
  return result;
}
