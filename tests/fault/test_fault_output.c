/*
 * Whatever file operation of the program fails, once, while it reads its inputs or writes its outputs: one line that
 * names the file and the error, no output, and nothing left behind. Each walk is a child process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../program/folder.h"
#include "../program/program.h"
#include "commands.h"
#include "file.h"
#include "files.h"
#include "forked.h"
#include "operand.h"
#include "output.h"
#include "pack_spirv.h"

/* What a child tells. */
static struct told {
  struct failure failure;
  fault_files files;
} * told;

typedef struct path {
  forked_path walk;
  unsigned harmless; /* bits of calls that are done without */
  unsigned either;   /* of those that are in one place, and not in another */
  bool streams;      /* of the C library, which end where they are interrupted */
} path;

#define FILE_CALL(name) (1u << FAULT_##name)

/* The walk to come: which operation fails, and with what. */
static unsigned fail_at;
static int fail_code;

static void begin(void) {
  fault_files_arm(fail_at, fail_code);
}

static void end(void) {
  fault_files_disarm();
  told->files = fault_file_state;
}

static void walk(const path *p, unsigned number, int code) {
  fail_at = number;
  fail_code = code;
  told->files = (fault_files){.failed = FAULT_FILE_CALLS};
  forked_walk(&p->walk, &told->failure, begin, end);
}

/* Inputs are the user's, and status 2; all else is 1. */
static void check_line(enum fault_file_call call, int code) {
  const struct failure *f = &told->failure;
  const bool input = strstr(f->text, "cannot be read") != NULL;
  if (f->status != (input ? STATUS_USAGE : STATUS_FAILED) || strchr(f->text, '\n') != NULL ||
      strstr(f->text, strerror(code)) == NULL || strchr(f->text, '\'') == NULL)
    fail_msg("%s (%s): status %d, \"%s\"", forked_what, fault_file_names[call], f->status, f->text);
}

static void check(const path *p, enum fault_file_call call, int code) {
  const bool goes_on = fault_file_goes_on(call, code);
  if (told->files.failed != call) fail_msg("%s: it was not made", forked_what);
  if (told->failure.status == 0) {
    if (!goes_on && !((p->harmless | p->either) & 1u << call)) fail_msg("%s: it went unnoticed", forked_what);
    forked_shell(p->walk.done, &told->failure);
    return;
  }
  if ((goes_on && (code == FAULT_SHORT || !p->streams)) || p->harmless & 1u << call)
    fail_msg("%s: \"%s\"", forked_what, told->failure.text);
  check_line(call, code);
  forked_shell(p->walk.failed, &told->failure);
}

static void fail_each(const path *p) {
  unsigned done = 0;
  (void)snprintf(forked_what, sizeof forked_what, "%s: no failure", p->walk.name);
  walk(p, 0, 0);
  if (told->failure.status != 0) fail_msg("%s: %s", forked_what, told->failure.text);
  forked_shell(p->walk.done, &told->failure);
  const fault_files clean = told->files;
  assert_in_range(clean.total, 1, FAULT_FILES_TRACED - 1);
  for (unsigned number = 1; number <= clean.total; number++) {
    const enum fault_file_call call = (enum fault_file_call)clean.trace[number];
    for (const int *code = fault_file_codes(call); *code != 0; code++) {
      (void)snprintf(forked_what, sizeof forked_what, "%s: call %u of %u, %s with %s", p->walk.name, number,
                     clean.total, fault_file_names[call], *code == FAULT_SHORT ? "half its bytes" : strerror(*code));
      walk(p, number, *code);
      check(p, call, *code);
      done++;
    }
  }
  printf("%s: %u file operations failed in turn\n", p->walk.name, done);
}

/* ---- outputs alone ---- */

static bool write_two(struct failure *failure) {
  struct outputs outputs = {.count = 0};
  struct output *a = outputs_add(&outputs, "--output", "a", failure);
  struct output *b = a == NULL ? NULL : outputs_add(&outputs, "--png", "b", failure);
  if (b != NULL) {
    a->parts[0] = b->parts[0] = "head ";
    a->parts[1] = b->parts[1] = "tail";
    a->sizes[0] = b->sizes[0] = 5;
    a->sizes[1] = b->sizes[1] = 4;
  }
  const bool good = b != NULL && outputs_write(&outputs, failure) && outputs_commit(&outputs, failure);
  outputs_release(&outputs);
  return good;
}

#define TWO "test \"$(cat a) $(cat b)\" = 'head tail head tail' && test $(ls -A | wc -l) = 2"

static void two_outputs(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "two outputs, new",
                             .work = write_two,
                             .before = "rm -f a b",
                             .failed = "test $(ls -A | wc -l) = 0",
                             .done = TWO}});
  /* Without links there is no way back from the second rename's failure, which is not to come as well. */
  fail_each(&(path){.walk = {.name = "two outputs, there",
                             .work = write_two,
                             .before = "printf old >a; printf older >b",
                             .failed = "test \"$(cat a) $(cat b)\" = 'old older' && test $(ls -A | wc -l) = 2",
                             .done = TWO},
                    .harmless = FILE_CALL(link)});
}

/* ---- commands ---- */

static bool loss(struct failure *failure) {
  return FORKED_COMMAND(command_loss, failure, "loss", "l1", "x.npy", "y.npy", "--output", "l.npy", "--grad-input",
                        "g.npy", "--reduction", "none");
}

/* More than 200,000 bytes: in pieces, from files without a name, into mapped outputs. */
static bool stream(struct failure *failure) {
  if (freopen("x.npy", "rb", stdin) == NULL) return failure_set(failure, 99, "x.npy is gone");
  return FORKED_COMMAND(command_loss, failure, "loss", "l1", "-", "1", "--dtype", "f64", "--memory", "200000",
                        "--output", "l.npy", "--reduction", "none");
}

static bool sources(struct failure *failure) {
  return FORKED_COMMAND(command_pack, failure, "pack", "--losses", "l1", "--dtypes", "f32", "--source", "s");
}

/* Two floats. */
#define PUT_NPY(name, a, b) FORKED_NPY(name, "2,", "printf '" a b "'")

#define ONE "\\000\\000\\200\\077"
#define TWO_ "\\000\\000\\000\\100"

static void commands(void **state) {
  (void)state;
  fail_each(
      &(path){.walk = {.name = "closs loss",
                       .work = loss,
                       .before = "rm -f l.npy g.npy; " PUT_NPY("x.npy", TWO_, ONE) "; " PUT_NPY("y.npy", ONE, ONE),
                       .failed = "test \"$(echo $(ls -A))\" = 'x.npy y.npy'",
                       .done = "test \"$(echo $(ls -A))\" = 'g.npy l.npy x.npy y.npy' && "
                               "tail -c 8 l.npy | od -An -tf4 | grep -q '  *1  *0 *$'"},
              .harmless = FILE_CALL(mmap),
              .either = FILE_CALL(close)});
}

/* A hundred thousand times 3. */
static void streams(void **state) {
  (void)state;
  setenv("TMPDIR", "t", 1);
  fail_each(&(path){.walk = {.name = "closs loss --memory",
                             .work = stream,
                             .before = "rm -f l.npy; mkdir -p t; " FORKED_NPY(
                                 "x.npy", "100000,", "yes 00@@ | tr -d '\\n' | tr 0 '\\000' | head -c 400000"),
                             .failed = "test \"$(echo $(ls -A . t))\" = '.: t x.npy t:'",
                             .done = "test \"$(echo $(ls -A . t))\" = '.: l.npy t x.npy t:' && "
                                     "! tail -c 800000 l.npy | od -An -v -tf8 | grep -qv '^ *2  *2 *$'"},
                    .either = FILE_CALL(mmap) | FILE_CALL(close)});
  unsetenv("TMPDIR");
}

static void pack(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "closs pack --source",
                             .work = sources,
                             .before = "rm -rf s",
                             .failed = "test $(ls -A | wc -l) = 0",
                             .done = "test -s s/manifest.json -a -s s/closs_l1_contiguous_f32.cl"},
                    .streams = true});
}

/* Two compilers that give what they get. */
static bool module(struct failure *failure) {
  const closs_offline_source source = {.name = "closs_l1", .text = "\003\002#\007 module", .text_size = 11};
  closs_image image;
  const bool good = pack_spirv_module(&source, &image, failure) &&
                    ((image.size == 11 && memcmp(image.bytes, source.text, 11) == 0) ||
                     failure_set(failure, 99, "another module of %zu bytes", image.size));
  free((void *)(uintptr_t)image.bytes);
  return good;
}

static void spirv(void **state) {
  (void)state;
  setenv("TMPDIR", "t", 1);
  setenv("CLOSS_CLANG", "./compiler", 1);
  setenv("CLOSS_LLVM_SPIRV", "./compiler", 1);
  fail_each(&(path){
      .walk = {.name = "closs pack --spirv, a module",
               .work = module,
               .before = "mkdir -p t && { test -x compiler || { echo '#!/bin/sh'; echo 'exec cat'; } >compiler; } "
                         "&& chmod +x compiler",
               .failed = "test \"$(echo $(ls -A . t))\" = '.: compiler t t:'",
               .done = "test \"$(echo $(ls -A . t))\" = '.: compiler t t:'"},
      .harmless = FILE_CALL(close)});
  unsetenv("TMPDIR");
  unsetenv("CLOSS_CLANG");
  unsetenv("CLOSS_LLVM_SPIRV");
}

/* ---- inputs alone ---- */

static bool read_bundle(struct failure *failure) {
  size_t size = 0;
  char *bytes = file_read("$CLOSS_BUNDLE", "b", &size, failure);
  if (bytes == NULL) return false;
  for (size_t i = 0; i < 100000; i++)
    if (size != 100000 || bytes[i] != 'b') return failure_set(failure, 99, "byte %zu of %zu", i, size);
  free(bytes);
  return true;
}

static bool read_operands(struct failure *failure) {
  struct operand mapped, stream;
  struct operand_source source = {0};
  if (freopen("x.npy", "rb", stdin) == NULL) return failure_set(failure, 99, "x.npy is gone");
  bool good = operand_read(&mapped, "INPUT", "x.npy", CLOSS_F32, &source, failure);
  good = good && operand_read(&stream, "TARGET", "-", CLOSS_F32, &source, failure);
  const float *a = good ? mapped.data : NULL, *b = good ? stream.data : NULL;
  if (good && (a[0] != 2 || a[1] != 1 || b[0] != 2 || b[1] != 1)) good = failure_set(failure, 99, "wrong elements");
  if (good) operand_release(&stream);
  operand_release(&mapped);
  return good;
}

static void inputs(void **state) {
  (void)state;
  fail_each(&(path){.walk = {.name = "bundle",
                             .work = read_bundle,
                             .before = "head -c 100000 /dev/zero | tr '\\000' b >b",
                             .failed = "true",
                             .done = "true"},
                    .harmless = FILE_CALL(close),
                    .streams = true});
  fail_each(&(path){.walk = {.name = "operands",
                             .work = read_operands,
                             .before = PUT_NPY("x.npy", TWO_, ONE),
                             .failed = "true",
                             .done = "true"},
                    .harmless = FILE_CALL(mmap) | FILE_CALL(close)});
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_start, folder_end)
  const struct CMUnitTest tests[] = {TEST(two_outputs), TEST(inputs), TEST(commands),
                                     TEST(streams),     TEST(pack),   TEST(spirv)};
  setenv("CLOSS_CACHE", "0", 1);
  unsetenv("CLOSS_DEVICE");
  unsetenv("CLOSS_BUNDLE");
  told = forked_memory(sizeof *told);
  if (told == NULL) return 1;
  return cmocka_run_group_tests_name("fault output", tests, NULL, NULL);
}
