/* closs loss --memory: operands in pieces give the files and the output of one piece, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#include "npy.h"
#include "support/harness.h"
#include "support/pairwise.h"
#include "support/values.h"

/* ---- the cases ---- */

enum { LOSS, TYPES, SHAPES, ORDERS, REDUCTION, WEIGHT, UPSTREAM, GRADIENTS, SCHEDULE, FACTORS };

static const char *const losses[] = {"l1", "mse", "smooth_l1 --beta 0.5", "huber --delta 2"};

static const struct types {
  closs_dtype dtypes[2];
  const char *descr[2]; /* in files, of either byte order */
  const char *option;
} types[] = {{{CLOSS_F32, CLOSS_F32}, {"<f4", "<f4"}, ""},
             {{CLOSS_F16, CLOSS_F32}, {"<f2", ">f4"}, ""},
             {{CLOSS_F64, CLOSS_F64}, {"<f8", "<f8"}, ""},
             {{CLOSS_I16, CLOSS_F32}, {"<i2", "<f4"}, ""},
             {{CLOSS_F32, CLOSS_F32}, {"<f4", "<f4"}, "--dtype bf16"},
             {{CLOSS_F64, CLOSS_F32}, {">f8", "<f4"}, "--dtype f16"},
             {{CLOSS_C64, CLOSS_C64}, {"<c8", "<c8"}, ""},
             {{CLOSS_F32, CLOSS_C128}, {"<f4", "<c16"}, ""}};

static const struct {
  uint32_t rank[2];
  uint64_t shape[2][4];
} shapes[] = {{{1, 1}, {{40007}, {40007}}},
              {{2, 2}, {{150, 301}, {150, 301}}},
              {{3, 3}, {{9, 1, 5003}, {9, 1, 5003}}},
              {{2, 1}, {{150, 301}, {301}}},
              {{2, 2}, {{150, 1}, {150, 301}}},
              {{0, 1}, {{0}, {45001}}},
              {{4, 4}, {{9, 1, 31, 3}, {9, 59, 1, 3}}},
              {{3, 2}, {{2, 1, 1}, {10007, 3}}},
              {{3, 3}, {{3, 7001, 2}, {3, 1, 2}}}};

static const char *const orders[] = {"CC", "FC", "CF", "FF"};
static const char *const reductions[] = {"mean", "sum", "none"};
enum { UNWEIGHTED, WEIGHTS, WEIGHT_ROW, WEIGHT_VALUE, OVER_COUNT, WEIGHTINGS };
enum { NO_UPSTREAM, UPSTREAM_VALUE, UPSTREAM_ARRAY, UPSTREAMS };
static const char *const gradients[] = {"", "--grad-input gi", "--grad-target gt", "--grad-input gi --grad-target gt"};
static const char *const schedules[] = {"auto", "lanes", "groups"};

static bool is(const unsigned *row, int factor, unsigned level) {
  return row[factor] == level;
}

static bool allowed(const unsigned *row) {
  bool complex_types = row[TYPES] != TEST_OPEN && types[row[TYPES]].dtypes[1] >= CLOSS_C64;
  if (complex_types && row[LOSS] != TEST_OPEN && row[LOSS] != 0) return false;
  if (is(row, GRADIENTS, 0) && row[UPSTREAM] != TEST_OPEN && row[UPSTREAM] != NO_UPSTREAM) return false;
  return !(is(row, WEIGHT, OVER_COUNT) && row[REDUCTION] != TEST_OPEN && row[REDUCTION] != 0);
}

/* ---- files ---- */

static closs_tensor whole_of(unsigned shape) {
  closs_tensor tensors[2], whole;
  for (int i = 0; i < 2; i++)
    tensors[i] = closs_tensor_contiguous(CLOSS_F32, shapes[shape].rank[i], shapes[shape].shape[i]);
  assert_int_equal(closs_tensor_broadcast(&tensors[0], &tensors[1], &whole, NULL), CLOSS_OK);
  return whole;
}

/* Random elements, in the byte order that descr says. */
static void put_random(const char *path, const char *descr, bool fortran, closs_dtype dtype, test_values values,
                       uint32_t rank, const uint64_t *shape, uint64_t *stream) {
  char text[128] = "(";
  closs_tensor tensor = closs_tensor_contiguous(dtype, rank, shape);
  size_t count = (size_t)closs_tensor_elements(&tensor), size = count * closs_dtype_size(dtype);
  void *elements = test_allocate(size);
  for (uint32_t d = 0; d < rank; d++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%llu,", (unsigned long long)shape[d]);
  strcat(text, ")");
  test_fill(dtype, elements, count, values, stream);
  if (descr[0] == '>') npy_swap(dtype, elements, count);
  put_npy(path, descr, fortran ? "True" : "False", text, elements, size);
  free(elements);
}

static void put_case(const unsigned *row) {
  const struct types *type = &types[row[TYPES]];
  const closs_tensor whole = whole_of(row[SHAPES]);
  uint64_t stream = 1 + row[SHAPES] + 16 * row[TYPES];
  const char *names[] = {"x", "y"};
  for (int i = 0; i < 2; i++)
    put_random(names[i], type->descr[i], orders[row[ORDERS]][i] == 'F', type->dtypes[i], TEST_PLAIN,
               shapes[row[SHAPES]].rank[i], shapes[row[SHAPES]].shape[i], &stream);
  const uint32_t weight_rank = row[WEIGHT] == WEIGHT_ROW ? 1 : whole.rank;
  put_random("w", "<f4", row[ORDERS] > 1, CLOSS_F32, TEST_POSITIVE, weight_rank, whole.shape + whole.rank - weight_rank,
             &stream);
  put_random("g", "<f2", false, CLOSS_F16, TEST_PLAIN, row[REDUCTION] == 2 ? whole.rank : 0, whole.shape, &stream);
}

static void command_of(const unsigned *row, const char *memory, char *command, size_t size) {
  static const char *const weights[] = {"", "--weight w", "--weight w", "--weight 0.3", "--weight w --mean-over count"};
  static const char *const upstreams[] = {"", "--grad-output -1.7", "--grad-output g"};
  snprintf(command, size, "closs loss %s x y %s --reduction %s %s %s %s --schedule %s -o loss %s", losses[row[LOSS]],
           types[row[TYPES]].option, reductions[row[REDUCTION]], weights[row[WEIGHT]], upstreams[row[UPSTREAM]],
           gradients[row[GRADIENTS]], schedules[row[SCHEDULE]], memory);
}

/* ---- the comparison ---- */

/* The least memory that a computation takes, by the error of one that has less. */
static unsigned long long least_memory(const unsigned *row) {
  static const char before[] = "--memory: 1 bytes; this computation takes at least ";
  char command[512];
  command_of(row, "--memory 1", command, sizeof command);
  assert_error(command, 2, before);
  unsigned long long least = strtoull(strstr(run_err, before) + strlen(before), NULL, 10);
  char smaller[64], error[128];
  snprintf(smaller, sizeof smaller, "--memory %llu", least - 1);
  snprintf(error, sizeof error, "--memory: %llu bytes; this computation takes at least %llu\n", least - 1, least);
  command_of(row, smaller, command, sizeof command);
  assert_error(command, 2, error);
  return least;
}

static void check_case(const unsigned *row) {
  static const unsigned factors[] = {1, 2, 5};
  char command[512], memory[64];
  put_case(row);
  command_of(row, "", command, sizeof command);
  /* Some devices end long loops early, and are not given layouts that need them. */
  if (run(command) == 2 && strstr(run_err, "; the device ends loops after") != NULL) return;
  assert_run(command, 0, "");
  assert_int_equal(system("for f in loss gi gt; do test ! -f $f || mv $f one-$f; done"), 0);
  const unsigned long long least = least_memory(row);
  for (size_t i = 0; i < TEST_COUNT(factors); i++) {
    snprintf(memory, sizeof memory, "--memory %llu", least * factors[i]);
    command_of(row, memory, command, sizeof command);
    assert_run(command, 0, "");
    if (system("for f in loss gi gt; do if test -f one-$f; then cmp $f one-$f || exit 1; "
               "else test ! -f $f || exit 1; fi; done") != 0)
      fail_msg("%s\nshape %u, order %s, types %s and %s: not as in one piece", command, row[SHAPES],
               orders[row[ORDERS]], types[row[TYPES]].descr[0], types[row[TYPES]].descr[1]);
  }
  assert_int_equal(system("rm -f loss gi gt one-*"), 0);
}

static bool takes_fp64(const struct types *type) {
  bool wide = false;
  for (int i = 0; i < 2; i++)
    wide = wide || type->dtypes[i] == CLOSS_F64 || type->dtypes[i] == CLOSS_C128;
  return wide && type->option[0] == 0;
}

static void cover(void **state) {
  (void)state;
  const unsigned levels[FACTORS] = {
      [LOSS] = TEST_COUNT(losses),   [TYPES] = TEST_COUNT(types),          [SHAPES] = TEST_COUNT(shapes),
      [ORDERS] = TEST_COUNT(orders), [REDUCTION] = TEST_COUNT(reductions), [WEIGHT] = WEIGHTINGS,
      [UPSTREAM] = UPSTREAMS,        [GRADIENTS] = TEST_COUNT(gradients),  [SCHEDULE] = TEST_COUNT(schedules)};
  const char *every_text = getenv("CLOSS_TEST_EVERY");
  const size_t every = every_text != NULL && atoi(every_text) > 1 ? (size_t)atoi(every_text) : 1;
  size_t rows;
  unsigned *cases = test_pairwise(FACTORS, levels, allowed, 1, &rows);
  const bool fp64 = run("closs devices --json | grep -q '\"fp64\": true'") == 0;
  for (size_t i = 0; i < rows; i += every)
    if (fp64 || !takes_fp64(&types[cases[i * FACTORS + TYPES]])) check_case(cases + i * FACTORS);
  printf("%zu rows cover all pairs\n", rows);
  free(cases);
}

/* ---- one by one ---- */

static void put_plain(const char *path, uint64_t count, uint64_t seed) {
  put_random(path, "<f4", false, CLOSS_F32, TEST_PLAIN, 1, &count, &seed);
}

static void same_output(void **state) {
  (void)state;
  put_plain("x", 30000, 1);
  put_plain("y", 30000, 2);
  /* All that --json says, but for the times; and stdin, whose elements are read twice. */
  assert_run(
      "strip() { sed 's/, \"seconds.*//'; }; w=\"--weight - --grad-input /dev/null\"\n"
      "closs loss l1 x y $w --json <x | strip >one; closs loss l1 x y $w --memory 400K --json <x | strip | cmp - one",
      0, "");
  assert_run("closs loss mse x y --reduction none >one; closs loss mse x y --reduction none --memory 400K | cmp - one",
             0, "");
  assert_run("for s in lanes groups; do for m in 1G 400K; do closs loss mse x y --schedule $s --memory $m --json | "
             "grep -c \"\\\"schedule\\\": \\\"$s\\\"\"; done; done",
             0, "1\n1\n1\n1\n");
  assert_run("closs loss l1 '[]' 1 --memory 1", 0, "nan\n");
}

/* Streams, and operands that are converted, are in a temporary file where they are more than --memory, else in memory.
 */
static void spooled(void **state) {
  (void)state;
  put_plain("x", 300000, 1);
  put_plain("y", 300000, 2);
  assert_run("gradient() { closs loss l1 \"$1\" y --dtype f16 --grad-input \"$2\" $3 $4; }\n"
             "gradient x one >value; gradient - two --memory 400K <x | cmp - value; cmp one two\n"
             "TMPDIR=none gradient - three --memory 8M <x | cmp - value; cmp one three; ls",
             0, "err\none\nout\nthree\ntwo\nvalue\nx\ny\n");
  assert_error("TMPDIR=none closs loss l1 - y --memory 400K <x", 1,
               "INPUT: '-': a temporary file ($TMPDIR): No such file or directory");
  assert_error("TMPDIR=none closs loss l1 x y --dtype f16 --memory 400K", 1,
               "INPUT: 'x': a temporary file ($TMPDIR): No such file or directory");
}

/* An .npy file of 2^28 zeros that takes no disk, is used where it is, and is read for seconds in small pieces. */
static void put_large(const char *path) {
  struct stat status = {.st_size = 1};
  for (int length = 12; status.st_size % 64 != 0; length++) {
    char shape[128];
    snprintf(shape, sizeof shape, "%-*s", length, "(268435456,)");
    put_npy(path, "<f4", "False", shape, "", 0);
    assert_int_equal(stat(path, &status), 0);
  }
  assert_int_equal(truncate(path, status.st_size + (1 << 30)), 0);
}

/* Without --memory, an array beyond the device's largest allocation; POCL's can be made small. */
static void beyond_allocation(void **state) {
  (void)state;
  put_large("x");
  setenv("POCL_MEMORY_LIMIT", "1", 1);
  assert_run("closs loss l1 x 1; closs devices --json | grep -c '\"Portable' >found; "
             "closs devices --json | sed 's/.*\"max_allocation\": //; s/,.*//' >most\n"
             "test $(cat found) = 0 || test $(cat most) -lt 1073741824",
             0, "1\n");
  unsetenv("POCL_MEMORY_LIMIT");
}

static void pictures(void **state) {
  (void)state;
  const char *command = "closs loss l1 \"$DATA\"/china.png \"$DATA\"/china-jpeg10.png --png";
  char both[512];
  snprintf(both, sizeof both, "%s one.png && %s two.png --memory 400K && cmp one.png two.png", command, command);
  assert_int_equal(run(both), 0);
}

static void sizes(void **state) {
  (void)state;
  static const char *const wrong[] = {"64X", "", "0", "-1", "1.5G", "64MB", "K", "16777216T", " 1", "1e6"};
  for (size_t i = 0; i < TEST_COUNT(wrong); i++) {
    char command[128], error[128];
    snprintf(command, sizeof command, "closs loss l1 1 2 --memory '%s'", wrong[i]);
    snprintf(error, sizeof error, "--memory: '%s'; expected a size in bytes, such as 65536, 64M or 2G", wrong[i]);
    assert_error(command, 2, error);
  }
  assert_run("closs loss l1 1 2 --memory 64M", 0, "1\n");
  assert_run("closs loss l1 1 2 --memory=2G", 0, "1\n");
  assert_run("closs loss l1 1 2 --memory 100000", 0, "1\n");
}

/* Runs until the output's temporary file is there and a second more, then a command. */
static void during(const char *then, int status, const char *said) {
  char commands[512];
  snprintf(commands, sizeof commands,
           "printf old >a\n\"$CLOSS_PROGRAM\" loss l1 x 1 --memory 100K -o a & pid=$!\n"
           "while kill -0 $pid && ! ls .closs-* >/dev/null 2>&1; do sleep 0.05; done; sleep 1\n"
           "kill -0 $pid && %s; wait $pid; echo $?; cat a",
           then);
  char out[32];
  snprintf(out, sizeof out, "%d\nold", status);
  put_large("x");
  assert_run(commands, 0, out);
  if (strstr(run_err, said) == NULL) fail_msg("%sexpected: %s", run_err, said); /* drivers may have their say, too */
  assert_files("a x");
}

static void interrupted(void **state) {
  (void)state;
  during("kill -TERM $pid", 130, "closs: interrupted\n");
}

static void shortened(void **state) {
  (void)state;
  during("truncate -s 4096 x", 2, "closs: an input file: shortened while it was read\n");
}

static void too_small(void **state) {
  (void)state;
  assert_run("printf old >gi; closs loss l1 1 2 --memory 1 -o loss --grad-input gi; echo $?; cat gi", 0, "2\nold");
  assert_files("gi");
}

static void progress(void **state) {
  (void)state;
  put_large("x");
  assert_run("script -qec '\"$CLOSS_PROGRAM\" loss l1 x 1 --memory 100K' /dev/null | tr '\\r' '\\n' | "
             "grep -qx \"closs: l1, [0-9]* %, [0-9]* s$(printf '\\033')\\[K\"",
             0, "");
}

int main(int argc, char **argv) {
  run_program = argc > 1 ? argv[1] : NULL;
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {TEST(same_output), TEST(spooled),   TEST(beyond_allocation), TEST(pictures),
                                     TEST(sizes),       TEST(too_small), TEST(interrupted),       TEST(shortened),
                                     TEST(progress),    TEST(cover)};
  return run_program == NULL ? 99 : cmocka_run_group_tests(tests, NULL, NULL);
}
