/* kill -9 at any moment, with outputs, the cache and a bundle being written: each file is the old one or all of the new
 * one, and the next run is right. A dozen moments, with $CLOSS_TEST_FULL two hundred. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

/* What is interrupted, and the run after it. */
static const struct {
  const char *command; /* no shell between: it would be the one that is killed */
  const char *files[2];
  const char *after; /* and what it prints */
  const char *prints;
} victims[] = {
    {"loss l1 big.npy 0 --reduction none -o a --grad-input b", {"a", "b"}, "closs loss l1 1 3", "2\n"},
    {"pack --losses l1 --dtypes f32 -o p",
     {"p", NULL},
     "CLOSS_BUNDLE=p closs loss l1 1 3 --json | grep -o '\"bundle\"'",
     "\"bundle\"\n"},
};
enum { VICTIMS = sizeof victims / sizeof victims[0], MOST_WORDS = 16, BIG = 1 << 21 };

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void sleep_for(double seconds) {
  const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&time, NULL);
}

static pid_t start(const char *command) {
  char words[256], *arguments[MOST_WORDS + 1];
  int count = 0;
  snprintf(words, sizeof words, "%s", command);
  arguments[count++] = getenv("CLOSS_PROGRAM");
  for (char *at = strtok(words, " "); at != NULL; at = strtok(NULL, " "))
    arguments[count++] = at;
  arguments[count] = NULL;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    execv(arguments[0], arguments);
    _exit(99);
  }
  return child;
}

static int status_of(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

/* The old files beside the new ones that a whole run writes, as NAME.old and NAME.new; returns how long it takes. */
static double rehearse(size_t victim) {
  const double began = now();
  assert_int_equal(status_of(start(victims[victim].command)), 0);
  const double seconds = now() - began;
  for (size_t i = 0; i < 2 && victims[victim].files[i] != NULL; i++) {
    char command[128];
    const char *name = victims[victim].files[i];
    snprintf(command, sizeof command, "mv %s %s.new; echo old > %s.old", name, name, name);
    assert_int_equal(run(command), 0);
  }
  return seconds;
}

/* What stands at a place: 0 the old file, 1 the new one; fails the test where it is neither. Binaries may differ from
 * one compilation to the next: a bundle is whole where the program takes it. */
static int which(const char *name, bool bundle) {
  char command[256];
  snprintf(command, sizeof command, "cmp -s %s %s.old", name, name);
  if (run(command) == 0) return 0;
  snprintf(command, sizeof command, bundle ? "CLOSS_BUNDLE=%s closs loss l1 1 3" : "cmp %s %s.new", name, name);
  if (run(command) != 0) fail_msg("%s is neither the old nor the new file: %s%s", name, run_out, run_err);
  return 1;
}

/* One moment: returns 1 where a temporary file was caught, which shows that it was one of writing. */
static int kill_at(size_t victim, double seconds, int *finished) {
  char command[256];
  assert_int_equal(run("rm -rf kept"), 0);
  for (size_t i = 0; i < 2 && victims[victim].files[i] != NULL; i++) {
    snprintf(command, sizeof command, "cp %s.old %s", victims[victim].files[i], victims[victim].files[i]);
    assert_int_equal(run(command), 0);
  }
  pid_t child = start(victims[victim].command);
  sleep_for(seconds);
  kill(child, SIGKILL);
  *finished += WIFEXITED(status_of(child));
  int news = 0;
  for (size_t i = 0; i < 2 && victims[victim].files[i] != NULL; i++)
    news += which(victims[victim].files[i], victim == 1);
  /* Entries are whole: the program takes every one that it finds, and says so where it does not. */
  assert_run("closs loss l1 big.npy 0 -v 2>&1 | grep -c damaged", 1, "0\n");
  if (victim == 0 || news == 1) assert_run(victims[victim].after, 0, victims[victim].prints);
  const int caught = run("ls -A . kept | grep -qe '^[.]closs-' -e '^[.]new-'") == 0;
  assert_run(
      "ls -A . | grep -v -e '^[a-z]' -e '^[.]closs-......~*$'; ls -A kept | grep -v -e '[.]closs$' -e '^[.]new-'", 1,
      "");
  assert_int_equal(run("rm -f .closs-*"), 0);
  return caught;
}

static void killed(void **state) {
  (void)state;
  const int moments = getenv("CLOSS_TEST_FULL") != NULL ? 200 : 12;
  int caught = 0, finished = 0;
  float *ones = malloc(BIG * sizeof *ones);
  assert_non_null(ones);
  for (size_t i = 0; i < BIG; i++)
    ones[i] = 1;
  put_npy("big.npy", "<f4", "False", "(2097152,)", ones, BIG * sizeof *ones);
  free(ones);
  setenv("CLOSS_CACHE", "", 1);
  setenv("CLOSS_CACHE_DIR", "kept", 1);
  double seconds[VICTIMS];
  for (size_t victim = 0; victim < VICTIMS; victim++) {
    (void)rehearse(victim); /* the driver compiles, and keeps it */
    assert_int_equal(run("rm -rf kept"), 0);
    seconds[victim] = rehearse(victim);
  }
  srand(1);
  for (int i = 0; i < moments; i++) {
    /* Files are written in the second half. */
    const double share = (i % 2 ? 0.5 : 0) + (i % 2 ? 0.6 : 1) * rand() / RAND_MAX;
    caught += kill_at((size_t)i / 2 % VICTIMS, share * seconds[(size_t)i / 2 % VICTIMS], &finished);
  }
  print_message("%d kills: %d caught a file being written, %d came too late\n", moments, caught, finished);
  if (moments >= 200) assert_in_range(caught, 1, moments);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(killed, run_start, run_end)};
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
