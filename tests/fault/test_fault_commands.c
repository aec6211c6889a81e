/*
 * Whatever OpenCL call that a command of the program comes to fails, once, be it the program's own, closs's or, where
 * the device's layers are left to it, CLBlast's: one line that names the call and the error, no output file, nothing
 * left behind, and every object released. Each walk is a child process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../program/folder.h"
#include "../program/program.h"
#include "../support/calls.h"
#include "commands.h"
#if HAVE_FIT
#include <clblast_c.h>
#endif
#include "forked.h"

#define CODE CL_OUT_OF_HOST_MEMORY /* which every call may return */

/* What a child tells. */
static struct told {
  struct failure failure;
  test_calls calls;
} * told;

typedef struct path {
  forked_path walk;
  bool each;  /* each call fails, not only with $CLOSS_TEST_FULL */
  bool timed; /* how often it makes its calls is a matter of time: of each function the first one fails alone */
} path;

/* The walk to come: which call fails. */
static unsigned fail_at;
static test_calls *counted;

static void begin(void) {
  test_calls_start(&counted);
  test_calls_again(fail_at, CODE);
}

/* Of events the parent can only count; CLBlast's programs stay in a process. */
static void end(void) {
#if HAVE_FIT
  CLBlastClearCache();
#endif
  counted->paused = true;
  for (unsigned i = 0; i < counted->events && i < TEST_CALLS_EVENTS; i++) {
    clReleaseEvent(counted->given[i]);
    counted->given[i] = NULL;
  }
  told->calls = *counted;
}

static void walk(const path *p, unsigned number) {
  fail_at = number;
  told->calls = (test_calls){.failed = TEST_CALLS};
  forked_walk(&p->walk, &told->failure, begin, end);
  test_calls_balance(&told->calls, 0, forked_what);
}

/* What comes last cleans up. */
static bool is_last(const test_calls *clean, unsigned number) {
  for (unsigned i = number + 1; i <= clean->total; i++)
    if (clean->trace[i] != TEST_CALL_Finish && !test_calls_release((enum test_call)clean->trace[i])) return false;
  return true;
}

/* Whether the result is right all the same. */
static bool is_harmless(const test_calls *clean, unsigned number) {
  const test_calls *calls = &told->calls;
  return test_calls_release(calls->failed) || test_calls_optional(calls) ||
         (calls->failed == TEST_CALL_Finish && is_last(clean, number));
}

static void check(const path *p, const test_calls *clean, unsigned number) {
  const struct failure *f = &told->failure;
  const enum test_call call = told->calls.failed;
  if (call == TEST_CALLS || (call != clean->trace[number] && !p->timed)) fail_msg("%s: it was not made", forked_what);
  if (f->status == 0) {
    if (!is_harmless(clean, number)) fail_msg("%s: it went unnoticed", forked_what);
    forked_shell(p->walk.done, f);
    return;
  }
  const bool named = strstr(f->text, test_call_names[call]) != NULL || strncmp(f->text, "CLBlast: ", 9) == 0;
  if (f->status != STATUS_FAILED || strchr(f->text, '\n') != NULL || !named ||
      strstr(f->text, closs_opencl_error_name(CODE)) == NULL)
    fail_msg("%s: status %d, \"%s\"", forked_what, f->status, f->text);
  forked_shell(p->walk.failed, f);
}

/* Else each function's first call and its last. */
static bool chosen(const path *p, const test_calls *clean, unsigned number) {
  unsigned before = 0, after = 0;
  for (unsigned i = 1; i < number; i++)
    before += clean->trace[i] == clean->trace[number];
  for (unsigned i = number + 1; i <= clean->total; i++)
    after += clean->trace[i] == clean->trace[number];
  if (before == 0 || p->timed) return before == 0;
  return after == 0 || p->each || getenv("CLOSS_TEST_FULL") != NULL;
}

static void fail_each(const path *p) {
  static test_calls clean;
  unsigned done = 0, harmless = 0;
  (void)snprintf(forked_what, sizeof forked_what, "%s: no failure", p->walk.name);
  walk(p, 0);
  if (told->failure.status != 0) fail_msg("%s: %s", forked_what, told->failure.text);
  forked_shell(p->walk.done, &told->failure);
  clean = told->calls;
  if (p->timed && clean.total >= TEST_CALLS_TRACED) clean.total = TEST_CALLS_TRACED - 1;
  assert_in_range(clean.total, 1, TEST_CALLS_TRACED - 1);
  for (unsigned number = 1; number <= clean.total; number++) {
    const enum test_call call = (enum test_call)clean.trace[number];
    if (!chosen(p, &clean, number)) continue;
    (void)snprintf(forked_what, sizeof forked_what, "%s: call %u of %u, %s", p->walk.name, number, clean.total,
                   test_call_names[call]);
    walk(p, number);
    check(p, &clean, number);
    done++;
    harmless += told->failure.status == 0;
  }
  printf("%s: of %u calls %u failed in turn, %u of them harmless\n", p->walk.name, clean.total, done, harmless);
}

#define NOTHING "test $(ls -A | wc -l) = 0"

static bool devices(struct failure *failure) {
  return FORKED_COMMAND(command_devices, failure, "devices", "--probe");
}

static void lists(void **state) {
  (void)state;
  fail_each(&(path){
      .walk = {.name = "closs devices", .work = devices, .before = "true", .failed = NOTHING, .done = NOTHING}});
}

static bool loss(struct failure *failure) {
  return FORKED_COMMAND(command_loss, failure, "loss", "l1", "[2, 1]", "1", "--output", "l.npy", "--grad-input",
                        "g.npy", "--reduction", "none");
}

static void whole(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "closs loss",
                             .work = loss,
                             .before = "rm -f l.npy g.npy",
                             .failed = NOTHING,
                             .done = "test \"$(echo $(ls -A))\" = 'g.npy l.npy' && "
                                     "tail -c 8 l.npy | od -An -tf4 | grep -q '  *1  *0 *$'"},
                    .each = true});
}

/* In pieces; weights that a mean is over are read in a pass of their own. */
static bool stream(struct failure *failure) {
  return FORKED_COMMAND(command_loss, failure, "loss", "l1", "x.npy", "1", "--weight", "w.npy", "--memory", "700000",
                        "--output", "l.npy", "--grad-input", "g.npy");
}

/* A hundred thousand times 3 against 1, with a weight of 3. */
static void pieces(void **state) {
  (void)state;
  fail_each(&(path){
      .walk = {
          .name = "closs loss --memory",
          .work = stream,
          .before = "rm -f l.npy g.npy; " FORKED_NPY(
              "x.npy", "100000,", "yes 00@@ | tr -d '\\n' | tr 0 '\\000' | head -c 400000") "; cp x.npy w.npy",
          .failed = "test \"$(echo $(ls -A))\" = 'w.npy x.npy'",
          .done = "test \"$(echo $(ls -A))\" = 'g.npy l.npy w.npy x.npy' && "
                  "tail -c 4 l.npy | od -An -tf4 | grep -q '^ *2$' && "
                  "tail -c 400000 g.npy | od -An -v -tf4 | tr -s ' ' '\\n' | sort -u | tr -d '\\n' | grep -qx 1e-05"}});
}

static bool bundle(struct failure *failure) {
  return FORKED_COMMAND(command_pack, failure, "pack", "--losses", "l1", "--dtypes", "f32", "--output", "b");
}

static void pack(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "closs pack",
                             .work = bundle,
                             .before = "rm -f b",
                             .failed = NOTHING,
                             .done = "test \"$(echo $(ls -A))\" = b && test -s b"}});
}

static bool picture(struct failure *failure) {
  return FORKED_COMMAND(command_curve, failure, "curve", "l1", "--output", "p.png");
}

static void curve(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "closs curve",
                             .work = picture,
                             .before = "rm -f p.png",
                             .failed = NOTHING,
                             .done = "test \"$(echo $(ls -A))\" = p.png && test -s p.png"}});
}

static bool line(struct failure *failure) {
  return FORKED_COMMAND(command_fit, failure, "fit", "[[0], [1], [2], [3]]", "[1, 3, 5, 8]", "--loss", "mse",
                        "--output", "c.npy");
}

static void fit(void **state) {
  (void)state;
  if (!HAVE_FIT) skip();
  fail_each(&(path){.walk = {.name = "closs fit",
                             .work = line,
                             .before = "rm -f c.npy",
                             .failed = NOTHING,
                             .done = "test \"$(echo $(ls -A))\" = c.npy && test -s c.npy"}});
}

static bool speeds(struct failure *failure) {
  return FORKED_COMMAND(command_bench, failure, "bench", "l1", "--sizes", "1K");
}

static void bench(void **state) {
  (void)state;
  fail_each(
      &(path){.walk = {.name = "closs bench", .work = speeds, .before = "true", .failed = NOTHING, .done = NOTHING},
              .timed = true});
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_start, folder_end)
  const struct CMUnitTest tests[] = {TEST(lists), TEST(whole), TEST(pieces), TEST(pack),
                                     TEST(curve), TEST(fit),   TEST(bench)};
  setenv("CLOSS_CACHE", "0", 1);
  unsetenv("CLOSS_BUNDLE");
  told = forked_memory(sizeof *told);
  if (told == NULL) return 1;
  return cmocka_run_group_tests_name("fault commands", tests, NULL, NULL);
}
