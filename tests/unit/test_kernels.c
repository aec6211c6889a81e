/*
 * Every variant of the kernels compiles under clang as OpenCL C 1.2, without a warning, and without the types that its
 * device may lack. Host only: nothing is run. POCL's package brings a clang; where there is none, the tests are
 * skipped.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "closs/loss.h"
#include "program/offline.h"
#include "program/source.h"
#include "support/harness.h"

static const char *clang;
static char folder[] = "/tmp/closs-test-XXXXXX";

static int find_clang(void **state) {
  static const char *const names[] = {"clang", "clang-14", "clang-15", "clang-16", "clang-17", "clang-18", "clang-19"};
  char command[64];
  (void)state;
  for (size_t i = 0; i < TEST_COUNT(names) && !clang; i++) {
    (void)snprintf(command, sizeof command, "command -v %s >/dev/null", names[i]);
    clang = system(command) == 0 ? names[i] : NULL;
  }
  if (!clang) printf("no clang: skipped\n");
  return mkdtemp(folder) == NULL;
}

static int clean_up(void **state) {
  char command[64];
  (void)state;
  (void)snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

/*
 * Whether a text compiles: for a device with or without double, and 64-bit integers where the text may use them.
 * Numbers of type half are refused by default; without cl_khr_fp16 clang's own header would miss vload_half16() too.
 */
static bool compiles(const char *const *parts, uint32_t count, const char *options, bool fp64, bool int64,
                     const char *show) {
  char path[64], command[1024];
  (void)snprintf(path, sizeof path, "%s/program.cl", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  if (!fp64) fputs("#pragma clang poison double\n", file);
  if (!int64) fputs("#pragma clang poison long ulong\n", file);
  for (uint32_t i = 0; i < count; i++)
    fputs(parts[i], file);
  assert_int_equal(fclose(file), 0);
  (void)snprintf(command, sizeof command,
                 "%s -x cl %s -target spir64 -Xclang -finclude-default-header "
                 "%s -fsyntax-only -Werror -Wall -Wextra -pedantic -Wno-unused-parameter "
                 "-Wno-unused-function -Wno-unused-variable -Wno-unused-macros %s %s",
                 clang, options, fp64 ? "" : "-Xclang -cl-ext=-cl_khr_fp64", path, show);
  const int status = system(command);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status) == 0;
}

static void try_spec(const closs_program_spec *spec, bool fp64, size_t *tried) {
  const closs_variant_info *variant = closs_variant_at(spec->variant);
  closs_source source;
  if (variant->arithmetic == CLOSS_F64 && !fp64) return;
  closs_source_make(spec, fp64, &source);
  ++*tried;
  /* A device with double has 64-bit integers; wide indices are theirs. */
  if (!compiles(source.parts, source.count, source.options, fp64, fp64 || variant->index_bits == 64, ""))
    fail_msg("%s %s, group %u, width %u, flags %u does not compile with %s", source.options, variant->name,
             (unsigned)spec->group, (unsigned)spec->width, (unsigned)spec->flags, clang);
}

/* As schedule lanes in vectors and lane by lane, and in work-groups. */
static void all_variants(void **state) {
  (void)state;
  if (!clang) skip();
  static const struct { uint32_t group, width; } schedules[] = {{0, 0}, {0, 1}, {64, 1}, {256, 4}};
  size_t tried = 0;
  for (size_t l = 0; l < closs_loss_count(); l++)
    for (int v = 0; v < CLOSS_VARIANT_COUNT; v++) {
      const closs_variant_info *variant = closs_variant_at((closs_variant)v);
      if (variant->complex_operands && !closs_loss_at(l)->complex_operands) continue;
      for (size_t s = 0; s < TEST_COUNT(schedules); s++) {
        if (!variant->contiguous && schedules[s].width > 1) continue;
        closs_program_spec spec = {.variant = (closs_variant)v,
                                   .loss = closs_loss_at(l)->loss,
                                   .bodies = CLOSS_BODY_PASS,
                                   .flags = CLOSS_ANY,
                                   .group = schedules[s].group,
                                   .width = schedules[s].width};
        spec = closs_program_general(&spec);
        try_spec(&spec, false, &tried);
        if (l == 0 || variant->arithmetic == CLOSS_F64) try_spec(&spec, true, &tried);
      }
    }
  const closs_program_spec probes[] = {
      {.variant = CLOSS_CONTIGUOUS_F32, .bodies = CLOSS_BODY_PROBE, .flags = CLOSS_ANY},
      {.variant = CLOSS_CONTIGUOUS_F64, .bodies = CLOSS_BODY_PROBE, .flags = CLOSS_ANY}};
  for (int fp64 = 0; fp64 < 2; fp64++)
    for (size_t i = 0; i < TEST_COUNT(probes); i++)
      try_spec(&probes[i], fp64, &tried);
  printf("%zu programs compile under %s\n", tried, clang);
  assert_in_range(tried, 100, 1000);
}

/* Every body of the program is in the list, with its arguments. */
static void check_kernels(const closs_program_spec *spec, const closs_offline *offline) {
  size_t count = 0;
  for (int i = 0; i < CLOSS_BODY_COUNT; i++) {
    if (!(spec->bodies & closs_bodies[i].body)) continue;
    assert_true(count < offline->source.kernel_count);
    const closs_kernel_info *kernel = &offline->source.kernels[count++];
    const size_t length = strlen(closs_bodies[i].name);
    assert_string_equal(kernel->name + strlen(kernel->name) - length, closs_bodies[i].name);
    assert_in_range(kernel->argument_count, 13, CLOSS_MAX_KERNEL_ARGUMENTS);
    for (size_t a = 0; a < kernel->argument_count; a++)
      assert_true(*kernel->arguments[a].type != '\0' && *kernel->arguments[a].name != '\0');
  }
  assert_int_equal(offline->source.kernel_count, count);
}

/* What offline compilers get: without options, but for the language. */
static void offline_sources(void **state) {
  (void)state;
  if (!clang) skip();
  static const closs_allocator plain = {NULL, NULL, NULL};
  for (int v = 0; v < CLOSS_VARIANT_COUNT; v++) {
    closs_program_spec spec = {
        .variant = (closs_variant)v, .loss = CLOSS_L1, .bodies = CLOSS_BODY_PASS, .flags = CLOSS_ANY};
    closs_offline offline;
    spec = closs_program_general(&spec);
    assert_int_equal(closs_offline_make(&plain, &spec, true, &offline, NULL), CLOSS_OK);
    check_kernels(&spec, &offline);
    const char *const text = offline.source.text;
    assert_true(compiles(&text, 1, "-cl-std=CL1.2", true, true, ""));
    closs_offline_release(&plain, &offline);
  }
}

/* The compiler sees a type that is lacking, and a warning is an error. */
static void refused(void **state) {
  (void)state;
  if (!clang) skip();
  static const char *const doubles = "__kernel void k(__global float *x) { x[0] = (float)(double)x[1]; }\n";
  static const char *const longs = "__kernel void k(__global int *x) { x[0] = (int)(long)x[1]; }\n";
  static const char *const halves = "__kernel void k(__global half *x) { x[0] = x[1] + x[2]; }\n";
  static const char *const warned = "__kernel void k(__global int *x) { if (x[0] = 1) { x[1] = 2; } }\n";
  const char *const quiet = "2>/dev/null", *const options = "-cl-std=CL1.2";
  assert_true(compiles(&longs, 1, options, true, true, ""));
  assert_false(compiles(&doubles, 1, options, false, true, quiet));
  assert_false(compiles(&longs, 1, options, true, false, quiet));
  assert_false(compiles(&halves, 1, options, true, true, quiet));
  assert_false(compiles(&warned, 1, options, true, true, quiet));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_variants),
      cmocka_unit_test(offline_sources),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("kernels", tests, find_clang, clean_up);
}
