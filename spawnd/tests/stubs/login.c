/* Writes a login as sshd does, into the accounting file named by the first argument. */
#include <string.h>
#include <utmpx.h>

int utmpxname(const char *file);

int main(int argc, char **argv) {
  struct utmpx entry;
  if (argc != 2 || utmpxname(argv[1]) != 0) return 1;
  memset(&entry, 0, sizeof entry);
  entry.ut_type = USER_PROCESS;
  entry.ut_pid = 4711;
  strcpy(entry.ut_line, "pts/7");
  strcpy(entry.ut_id, "ts/7");
  strcpy(entry.ut_user, "ann");
  strcpy(entry.ut_host, "192.0.2.7");
  entry.ut_tv.tv_sec = 1800000000;
  setutxent();
  return pututxline(&entry) == 0;
}
