/* kill -9 at any moment, with outputs, the cache and a bundle being written: each file is the old one or all of the new
 * one, and the next run is right. Ten moments, with $CLOSS_TEST_FULL two hundred. */
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

/* What is killed (no shell between: that would be what is killed), and what is to hold of its files afterwards.
 * Binaries differ from one compilation to the next: a bundle is whole where the program takes it. */
static const struct {
  const char *command, *whole;
} victims[] = {
    {"loss l1 big.npy 0 --reduction none -o a --grad-input b",
     "for f in a b; do cmp -s $f old || cmp $f $f.new || exit 1; done"},
    {"pack --losses l1 --dtypes f32 -o p",
     "cmp -s p old || CLOSS_BUNDLE=p closs loss l1 1 3 --json | grep -q '\"bundle\"'"},
};
enum { LOSS, PACK, MOST_WORDS = 16, BIG = 1 << 21 };

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

/* Before each moment: an empty cache, and old files where the new ones go. */
static const char again[] = "rm -rf kept .closs-*; for f in a b p; do cp old $f; done";

/* How long a command takes that nobody kills. */
static double rehearse(size_t victim) {
  double began = 0;
  for (int i = 0; i < 2; i++) { /* at first the driver compiles, and keeps it */
    assert_int_equal(run(again), 0);
    began = now();
    assert_int_equal(status_of(start(victims[victim].command)), 0);
  }
  const double seconds = now() - began;
  assert_int_equal(run("cp a a.new; cp b b.new"), 0);
  return seconds;
}

typedef struct tally {
  int moments, caught, late;
} tally;

static void kill_at(size_t victim, double seconds, tally *count) {
  assert_int_equal(run(again), 0);
  pid_t child = start(victims[victim].command);
  sleep_for(seconds);
  kill(child, SIGKILL);
  count->moments++;
  count->late += WIFEXITED(status_of(child));
  count->caught += run("ls -A . kept | grep -q -e '^[.]closs-' -e '^[.]new-'") == 0; /* it was writing */
  if (run(victims[victim].whole) != 0) fail_msg("neither the old nor all of the new file: %s%s", run_out, run_err);
  /* The next run is right, and finds no entry that is damaged. Nothing is left but what docs/reliability.md names. */
  assert_run("closs loss l1 big.npy 0 -v", 0, "1\n");
  assert_null(strstr(run_err, "damaged"));
  assert_run("ls -A | grep '^[.]' | grep -v '^[.]closs-......~*$'; ls -A kept | grep -v -e '[.]closs$' -e '^[.]new-'",
             1, "");
}

/* Half of the moments lie in the second half of the run, where files are written. */
static void kill_often(size_t victim, int moments, tally *count) {
  const double seconds = rehearse(victim);
  for (int i = 0; i < moments; i++) {
    const double chance = (double)rand() / RAND_MAX;
    kill_at(victim, seconds * (i % 2 ? 0.5 + 0.6 * chance : chance), count);
  }
}

static void killed(void **state) {
  (void)state;
  const bool full = getenv("CLOSS_TEST_FULL") != NULL;
  tally count = {0, 0, 0};
  float *ones = malloc(BIG * sizeof *ones);
  assert_non_null(ones);
  for (size_t i = 0; i < BIG; i++)
    ones[i] = 1;
  put_npy("big.npy", "<f4", "False", "(2097152,)", ones, BIG * sizeof *ones);
  free(ones);
  setenv("CLOSS_CACHE", "", 1);
  setenv("CLOSS_CACHE_DIR", "kept", 1);
  assert_int_equal(run("echo old > old"), 0);
  srand(1);
  kill_often(LOSS, full ? 160 : 10, &count);
  if (full) kill_often(PACK, 40, &count); /* which compiles for long */
  print_message("%d kills: %d caught a file being written, %d came too late\n", count.moments, count.caught,
                count.late);
  assert_true(count.late < count.moments);
  if (full) assert_in_range(count.caught, 1, count.moments);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(killed, run_start, run_end)};
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
