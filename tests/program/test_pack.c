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
      strstr(run_err, "warning: the bundle's program for mse contiguous_f32 pass merge extend stage is not there"));
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
  assert_error("closs pack --spirv", 2, "closs pack: nothing to write");
  assert_error("closs pack --spirv --source d", 2, "--spirv: has no effect with --source");
  assert_error("closs pack --spirv --binary b -o b", 2, "--binary: has no effect with --spirv");
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

/* Many chunks, and sums by columns, by one work-item of the bundle: the same bytes as by many. */
static void assert_same_as_compiled(void) {
  assert_int_equal(
      run("for b in b ''; do LD_PRELOAD=${b:+$NO_COMPILER} CLOSS_BUNDLE=$b closs loss l1 $DATA/china.npy "
          "'[[[0.25, 0.5, 0.75]]]' --grad-input x$b.npy --grad-target y$b.npy --schedule lanes > z$b; done && "
          "cmp x.npy xb.npy && cmp y.npy yb.npy && cmp z zb && test -s z"),
      0);
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
             0, "9\n");
  assert_run("$OFFLINE \"$(closs devices | head -n 1 | cut -f 2)\" image s/*.cl", 0, "");
  assert_run("closs pack --losses l1 --dtypes f32 --binary image -o b", 0, "");
  assert_json(DENIED "b closs loss l1 '[1, 5]' '[1, 1]' --json", "{\"loss\": 2, \"bits\": \"0x40000000\"");
  assert_non_null(strstr(run_out, "\"program\": \"bundle\""));
  assert_same_as_compiled();
}

/* ---- SPIR-V ---- */

/* To a device that says it takes SPIR-V, by compilers in the working folder. */
#define SPIRV "LD_PRELOAD=$TAKES_SPIRV TMPDIR=$PWD/t CLOSS_CLANG=./clang CLOSS_LLVM_SPIRV=./llvm-spirv "
#define PACK "closs pack --losses l1 --dtypes f32 --spirv -o b"

/* Makes both compilers: scripts that note what they are told, and then do this. */
static void make_compilers(const char *clang, const char *llvm_spirv) {
  char script[2048];
  snprintf(script, sizeof script,
           "rm -rf b t args seen; mkdir t; printf '#!/bin/sh\necho \"$0\" \"$@\" >>args\n' | tee clang >llvm-spirv; "
           "chmod +x clang llvm-spirv; echo '%s' >>clang; echo '%s' >>llvm-spirv",
           clang, llvm_spirv);
  assert_run(script, 0, "");
}

/* Status 1, this line, and nothing left where temporary files go, while the compilers run too. */
static void assert_refused(const char *clang, const char *llvm_spirv, const char *text) {
  make_compilers(clang, llvm_spirv);
  assert_error(SPIRV PACK, 1, text);
  assert_run("ls -A t", 0, "");
  assert_files("args clang llvm-spirv t");
}

static void spirv_refused(void **state) {
  (void)state;
  assert_refused("echo first >&2; ls -A t >&2; echo last >&2; exit 3", "exit 0",
                 "--spirv: ./clang of 'closs_l1_contiguous_f32': exit status 3: first; last\n");
  assert_refused("exec cat", "echo what >&2; exit 1",
                 "--spirv: ./llvm-spirv of 'closs_l1_contiguous_f32': exit status 1: what\n");
  assert_refused("kill -9 $$", "exit 0", "--spirv: ./clang of 'closs_l1_contiguous_f32': killed by signal 9\n");
  assert_refused("echo x", "exec cat",
                 "--spirv: llvm-spirv of 'closs_l1_contiguous_f32': 2 bytes that are no SPIR-V module\n");
  /* Interrupted: nothing stays either. */
  make_compilers("kill -TERM $PPID", "exit 0");
  assert_error(SPIRV PACK, 130, "closs: interrupted\n");
  assert_run("ls -A t", 0, "");
  assert_files("args clang llvm-spirv t");
}

static void spirv_missing(void **state) {
  (void)state;
#define HINT "(Debian: clang-14 llvm-spirv-14)\n"
  make_compilers("echo x", "exit 0");
  assert_error("PATH=/var/empty LD_PRELOAD=$TAKES_SPIRV " PACK, 1,
               "--spirv: clang makes the modules, and is not installed " HINT);
  assert_error("export CLOSS_CLANG=$PWD/clang; PATH=/var/empty; LD_PRELOAD=$TAKES_SPIRV " PACK, 1,
               "--spirv: llvm-spirv makes the modules, and is not installed " HINT);
  assert_error(SPIRV "CLOSS_CLANG=none " PACK, 1,
               "$CLOSS_CLANG: 'none' cannot be run: No such file or directory " HINT);
  assert_error(SPIRV "CLOSS_LLVM_SPIRV=$PWD " PACK, 1, "$CLOSS_LLVM_SPIRV: '/");
  assert_error(SPIRV "TMPDIR=none " PACK, 1,
               "--spirv: a temporary file for 'closs_l1_contiguous_f32': No such file or directory\n");
  /* On PATH the oldest of Debian's names comes first. */
  assert_error("rm args; cp clang clang-15; cp clang clang-16; cp llvm-spirv llvm-spirv-15; PATH=$PWD; "
               "LD_PRELOAD=$TAKES_SPIRV " PACK,
               1, "--spirv: llvm-spirv of 'closs_l1_contiguous_f32': 0 bytes that are no SPIR-V module\n");
  assert_run("sed 's/ .*//; s:.*/::' args", 0, "clang-15\nllvm-spirv-15\n");
  assert_files("args clang clang-15 clang-16 llvm-spirv llvm-spirv-15 t");
}

/* Each source is compiled as it stands, by the commands of docs/deployment.md. */
static void spirv_commands(void **state) {
  (void)state;
  make_compilers("tee -a seen",
                 "cat >/dev/null; printf \"\\003\\002#\\007\"; [ $(grep -c spirv-max args) -lt $(ls s/*.cl | wc -l) ]");
  assert_run("closs pack --losses l1 --dtypes f32 --source s", 0, "");
  assert_error(SPIRV PACK, 1, ": exit status 1\n");
  assert_run("sort seen >a && cat s/*.cl | sort | cmp - a && sort -u args", 0,
             "./clang -c -emit-llvm -target spir64 -x cl -cl-std=CL1.2 -O2 -Xclang -disable-llvm-passes -Xclang "
             "-finclude-default-header -fno-caret-diagnostics -o - -\n"
             "./llvm-spirv --spirv-max-version=1.0 -o - -\n");
}

/* The real thing, where there is a device that takes SPIR-V, and what makes it; else nothing is compiled. */
static void spirv(void **state) {
  (void)state;
  const int status = run(PACK);
  const bool refused = status == 2 && strstr(run_err, " takes no SPIR-V: ") != NULL;
  const bool missing = status == 1 && strstr(run_err, " is not installed (Debian: clang-14 llvm-spirv-14)") != NULL;
  if (refused || missing) {
    assert_files("");
    print_message("no bundle of SPIR-V is made here: %s", run_err);
  }
  if (refused) {
    make_compilers("exit 0", "exit 0");
    assert_error("CLOSS_CLANG=./clang CLOSS_LLVM_SPIRV=./llvm-spirv " PACK, 2, " takes no SPIR-V: ");
    assert_files("clang llvm-spirv t");
    /* One that says so, and then takes none: the driver's refusal. */
    make_compilers("exit 0", "printf \"\\003\\002#\\007\"");
    assert_error(SPIRV PACK, 1, "--spirv: image: 4 bytes that the driver of ");
    assert_files("args clang llvm-spirv t");
  }
  if (refused || missing) skip();
  assert_int_equal(status, 0);
  assert_files("b");
  assert_json(DENIED "b closs loss l1 '[1, 5]' '[1, 1]' --json", "{\"loss\": 2, \"bits\": \"0x40000000\"");
  assert_non_null(strstr(run_out, "\"program\": \"bundle\""));
  assert_same_as_compiled();
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {TEST(compiled),      TEST(command_line),   TEST(vendor), TEST(spirv_refused),
                                     TEST(spirv_missing), TEST(spirv_commands), TEST(spirv)};
  static const char *const names[] = {"OFFLINE", "NO_COMPILER", "INTERRUPT", "FIRMWARE", "TAKES_SPIRV"};
  if (argc != 7) return 2;
  run_program = argv[1];
  for (int i = 0; i < 5; i++)
    setenv(names[i], argv[2 + i], 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
