/* Bundles: made, given back, for another program, damaged; and the way through a vendor's offline compiler. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

/* In a process whose driver has no compiler. */
#define DENIED "LD_PRELOAD=$NO_COMPILER CLOSS_BUNDLE="

static void compiled(void **state) {
  (void)state;
  assert_run("closs pack --losses l1 --dtypes f32 -o b", 0, "");
  assert_json(DENIED "b closs loss l1 '[1, 5]' '[1, 1]' --json", "{\"loss\": 2, \"bits\": \"0x40000000\"");
  assert_non_null(strstr(run_out, "\"program\": \"bundle\""));
  assert_run(DENIED "b closs loss l1 '[[1, 5], [2, 2]]' '[0, 1]' --weight '[1, 3]'", 0, "2.25\n");
  assert_run(DENIED "b closs devices | cut -f 7 | head -n 1", 0, "exact\n");
  assert_error(DENIED "b closs loss mse '[1, 5]' '[1, 1]'", 1, "CL_COMPILER_NOT_AVAILABLE (-3)");
  /* With a compiler: the log says so, and the result is the same. */
  assert_run("CLOSS_BUNDLE=b closs loss mse '[1, 5]' '[1, 1]' -v", 0, "8\n");
  assert_non_null(
      strstr(run_err, "warning: the bundle's program for mse contiguous_f32 pass merge extend is not there"));
  assert_error("head -c 1000 b > c; CLOSS_BUNDLE=c closs loss l1 1 2", 2,
               "$CLOSS_BUNDLE: 'c': damaged: 1000 bytes, of ");
  assert_run("cp b c; printf x | dd of=c bs=1 seek=$(($(wc -c < c) - 900)) conv=notrunc 2>/dev/null;"
             "for l in '[1, 5]' 1; do CLOSS_BUNDLE=c closs loss l1 \"$l\" \"$l\"; done",
             0, "0\n0\n");
  /* A byte in the head is seen when the bundle is given. */
  assert_error("printf x | dd of=c bs=1 seek=90 conv=notrunc 2>/dev/null; CLOSS_BUNDLE=c closs loss l1 1 2", 2,
               "$CLOSS_BUNDLE: 'c': damaged: ");
  assert_run("closs pack --losses l1 --dtypes f32 -o b.c --c-array firmware && "
             "cc -std=c11 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -o b.so b.c && LD_PRELOAD=$NO_COMPILER "
             "$FIRMWARE ./b.so",
             0, "2 3\n"); /* CLOSS_PROGRAM_BUNDLE */
}

static void command_line(void **state) {
  (void)state;
  assert_error("closs pack", 2, "closs pack: nothing to write; expected --output FILE or --source DIR");
  assert_error("closs pack -o b --losses l7", 2, "--losses: 'l7' is no loss");
  assert_error("closs pack -o b --dtypes f32,i8", 2, "--dtypes: 'i8'; expected f16, bf16, f32, f64, c64 or c128");
  assert_error("closs pack -o b --c-array 7", 2, "--c-array: '7'; expected a name in C");
  assert_error("closs pack -o b --source d", 2, "--output: has no effect with --source");
  assert_error("closs pack -o b --binary none", 2, "--binary: 'none' cannot be read: No such file or directory");
  assert_error("mkdir d; touch d/x; closs pack --losses l1 --dtypes f32 --source d", 1,
               "--source: 'd' cannot be written");
  assert_files("d");
  /* Interrupted while it writes: nothing stays. */
  assert_error(
      "for at in manifest.json l1_contiguous_f32.cl probe_contiguous_f32.cl; do "
      "INTERRUPT_AT=$at LD_PRELOAD=$INTERRUPT closs pack --losses l1 --dtypes f32 --source e 2>said-$at; [ $? = "
      "130 ] || exit 9; done; "
      "cat said-* | uniq >&2; rm said-*; (exit 130)",
      130, "closs: interrupted");
  assert_files("d");
}

static void vendor(void **state) {
  (void)state;
  assert_run("closs pack --losses l1 --dtypes f32 --source s && closs pack --losses l1 --dtypes f32 --source t && "
             "diff -r s t && cd s && python3 -c '\n"
             "import hashlib, json\n"
             "m = json.load(open(\"manifest.json\"))\n"
             "names = [k[\"name\"] for s in m[\"sources\"] for k in s[\"kernels\"]]\n"
             "assert len(set(names)) == len(names)\n"
             "for s in m[\"sources\"]:\n"
             "  text = open(s[\"file\"], \"rb\").read()\n"
             "  assert hashlib.sha256(text).hexdigest() == s[\"sha256\"] and b\"#include\" not in text\n"
             "print(len([n for n in names if \"_l1_\" in n]))'",
             0, "7\n");
  assert_run("$OFFLINE \"$(closs devices | head -n 1 | cut -f 2)\" image s/*.cl", 0, "");
  assert_run("closs pack --losses l1 --dtypes f32 --binary image -o b", 0, "");
  assert_json(DENIED "b closs loss l1 '[1, 5]' '[1, 1]' --json", "{\"loss\": 2, \"bits\": \"0x40000000\"");
  assert_non_null(strstr(run_out, "\"program\": \"bundle\""));
  /* Many chunks, and sums by columns, by one work-item: the same bytes as by many. */
  assert_int_equal(
      run("for b in b ''; do LD_PRELOAD=${b:+$NO_COMPILER} CLOSS_BUNDLE=$b closs loss l1 $DATA/china.npy "
          "'[[[0.25, 0.5, 0.75]]]' --grad-input x$b.npy --grad-target y$b.npy --schedule lanes > z$b; done && "
          "cmp x.npy xb.npy && cmp y.npy yb.npy && cmp z zb && test -s z"),
      0);
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {TEST(compiled), TEST(command_line), TEST(vendor)};
  static const char *const names[] = {"OFFLINE", "NO_COMPILER", "INTERRUPT", "FIRMWARE"};
  if (argc != 6) return 2;
  run_program = argv[1];
  for (int i = 0; i < 4; i++)
    setenv(names[i], argv[2 + i], 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
