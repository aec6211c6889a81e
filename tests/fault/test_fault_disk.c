/* Whatever file operation of the disk cache fails, once: it costs speed alone, and leaves nothing behind. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/allocate.h"
#include "files.h"
#include "program/disk.h"
#include "program/entry.h"
#include "program/store.h"
#include "support/harness.h"
#include "support/heap.h"
#include "support/job.h"

static char folder[64], path[80], what[160];
static unsigned lines; /* of log */

static int set_up(void **state) {
  (void)state;
  strcpy(folder, "/tmp/closs-test-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  (void)snprintf(path, sizeof path, "%s/a/cache", folder);
  return 0;
}

static void shell(const char *format) {
  char command[256];
  (void)snprintf(command, sizeof command, format, folder);
  if (system(command) != 0) fail_msg("%s: %s", what, command);
}

static int tear_down(void **state) {
  (void)state;
  shell("rm -rf %s");
  return 0;
}

static void count_line(void *user, closs_log_level level, const char *line) {
  (void)user, (void)level;
  assert_non_null(strstr(line, "cache"));
  ++lines;
}

/* What is done with one call failing, or none; returns whether it must have been of use all the same. */
typedef void (*work_function)(bool must);

/* Each call of a walk fails with each error. `before` it the folder is as it wants it. */
static void fail_each(const char *name, const char *before, work_function work, bool to_the_end) {
  unsigned char trace[FAULT_FILES_TRACED];
  unsigned done = 0;
  shell(before);
  fault_files_arm(0, 0);
  work(true);
  fault_files_disarm();
  const unsigned total = fault_file_state.total;
  assert_in_range(total, 1, FAULT_FILES_TRACED - 1);
  memcpy(trace, fault_file_state.trace, sizeof trace);
  for (unsigned number = 1; number <= total; ++number) {
    const enum fault_file_call call = (enum fault_file_call)trace[number];
    for (const int *code = fault_file_codes(call); *code; ++code) {
      (void)snprintf(what, sizeof what, "%s: call %u of %u, %s with %s", name, number, total, fault_file_names[call],
                     *code == FAULT_SHORT ? "half its bytes" : strerror(*code));
      shell(before);
      fault_files_arm(number, *code);
      work(fault_file_goes_on(call, *code));
      fault_files_disarm();
      if (fault_file_state.failed != call) fail_msg("%s: it was not made", what);
      shell("! ls -A %s/a/cache 2>/dev/null | grep -q new-");
      if (to_the_end) work(true);
      ++done;
    }
  }
  printf("%s: %u file operations failed in turn\n", name, done);
}

/* ---- entries ---- */

enum { PAYLOAD = 5000 };
static unsigned char payload[PAYLOAD];

/* What comes back is what was put, or nothing. */
static bool expect_entry(const closs_context *context) {
  closs_kept kept;
  if (!closs_store_get(context, "key", &kept)) return false;
  assert_int_equal(kept.size, PAYLOAD);
  assert_memory_equal(kept.payload, payload, PAYLOAD);
  closs_release(&context->allocator, kept.bytes);
  return true;
}

static void use_cache(bool must) {
  test_heap heap = {0, 0, 0};
  closs_context context = {.allocator = test_heap_allocator(&heap), .log = count_line};
  lines = 0;
  assert_int_equal(closs_disk_open(&context, path, 100000, &context.disk, NULL), CLOSS_OK);
  bool found = context.disk && expect_entry(&context);
  if (context.disk && !found) closs_store_put(&context, "key", payload, PAYLOAD);
  found = context.disk && expect_entry(&context);
  closs_disk_close(&context, context.disk);
  if (must && !found) fail_msg("%s: the entry is not there", what);
  /* What was not to be had is in the log. */
  if (!found && lines == 0) fail_msg("%s: the log says nothing", what);
  assert_int_equal(heap.live, 0);
}

static void entries(void **state) {
  (void)state;
  for (size_t i = 0; i < PAYLOAD; ++i)
    payload[i] = (unsigned char)(i * 7);
  fail_each("disk cache, empty", "rm -rf %s/a", use_cache, true);
  fail_each("disk cache, full", "true %s", use_cache, true);
}

/* ---- lists, and an end of all ---- */

static unsigned visited;

static void visit(void *user, const closs_cache_entry *entry) {
  (void)user, (void)entry;
  ++visited;
}

static bool is_told(closs_status status, const closs_error *error) {
  if (status == CLOSS_OK) return false;
  const int code = fault_file_state.code;
  if (status != (code == ENOMEM ? CLOSS_OUT_OF_MEMORY : CLOSS_INVALID_ARGUMENT) || !strstr(error->text, path) ||
      (code != ENOMEM && !strstr(error->text, strerror(code))))
    fail_msg("%s: %s, \"%s\"", what, closs_status_name(status), error->text);
  return true;
}

/* One entry that can't be read is passed over, and is counted all the same. */
static void list(bool must) {
  closs_error error;
  uint64_t bytes = 0;
  visited = 0;
  if (is_told(closs_cache_list(path, visit, NULL, &bytes, &error), &error))
    assert_false(must);
  else
    assert_true(bytes == 3 * closs_entry_size("key", PAYLOAD) && (visited == 3 || (!must && visited == 2)));
}

static void clear(bool must) {
  closs_error error;
  if (is_told(closs_cache_clear(path, &error), &error))
    assert_false(must);
  else if (access(path, F_OK) == 0)
    shell("test -z \"$(ls -A %s/a/cache)\"");
}

#define THREE                                                                                                          \
  "cd %s && rm -rf b && mkdir -p -m 700 a/cache b && cp f b/x && cd a/cache && for i in 1 2 3; do "                    \
  "cp ../../b/x $(printf '%%064d' $i).closs; done"

static void lists(void **state) {
  (void)state;
  char file[80];
  unsigned char entry[PAYLOAD + 256];
  (void)snprintf(file, sizeof file, "%s/f", folder);
  closs_entry_write(entry, "key", payload, PAYLOAD);
  FILE *out = fopen(file, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(entry, 1, closs_entry_size("key", PAYLOAD), out), closs_entry_size("key", PAYLOAD));
  assert_int_equal(fclose(out), 0);
  fail_each("cache list", THREE, list, true);
  fail_each("cache clear", THREE, clear, true);
}

/* ---- programs ---- */

static const test_device *device;

/* A context's whole way with the cache: the result is right whatever fails. */
static void compute(bool must) {
  const float input[3] = {3, 3, 3}, target[3] = {1, 1, 1};
  float loss = 0;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_plan_options plan_options = test_job_options();
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  closs_context *context = NULL;
  closs_plan *plan = NULL;
  closs_error error;
  options.cache_directory = path;
  plan_options.outputs = CLOSS_OUTPUT_LOSS;
  plan_options.input.shape[0] = plan_options.target.shape[0] = 3;
  arrays.input = input;
  arrays.target = target;
  arrays.loss = &loss;
  if (closs_context_create(device->context, device->device, &options, &context, &error) != CLOSS_OK ||
      closs_compute(context, &plan_options, &arrays, &plan, NULL, &error) != CLOSS_OK)
    fail_msg("%s: %s", what, error.text);
  assert_true(loss == 2);
  if (must) assert_int_equal(closs_plan_program(plan), CLOSS_PROGRAM_CACHED);
  closs_plan_destroy(plan);
  closs_context_destroy(context);
}

static void programs(void **state) {
  (void)state;
  test_device found;
  if (!test_device_find(&found)) fail_msg("no device");
  device = &found;
  compute(false); /* the entry is there */
  fail_each("programs from the disk", "true %s", compute, false);
  test_device_close(&found);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {TEST(entries), TEST(lists), TEST(programs)};
  return cmocka_run_group_tests_name("fault disk", tests, NULL, NULL);
}
