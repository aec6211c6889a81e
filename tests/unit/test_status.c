#include "base/allocate.h"
#include "base/error.h"
#include "closs/opencl.h"
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

static void status_names(void **state) {
  (void)state;
  static const struct {
    int number;
    closs_status status;
    const char *name;
  } rows[] = {{0, CLOSS_OK, "CLOSS_OK"},
              {1, CLOSS_INVALID_ARGUMENT, "CLOSS_INVALID_ARGUMENT"},
              {2, CLOSS_UNSUPPORTED, "CLOSS_UNSUPPORTED"},
              {3, CLOSS_OUT_OF_MEMORY, "CLOSS_OUT_OF_MEMORY"},
              {4, CLOSS_OPENCL_ERROR, "CLOSS_OPENCL_ERROR"},
              {5, CLOSS_COMPILE_FAILED, "CLOSS_COMPILE_FAILED"},
              {6, CLOSS_NOT_PREPARED, "CLOSS_NOT_PREPARED"},
              {7, CLOSS_SELF_TEST_FAILED, "CLOSS_SELF_TEST_FAILED"}};
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    assert_int_equal(rows[i].number, rows[i].status);
    assert_string_equal(closs_status_name(rows[i].status), rows[i].name);
  }
  assert_string_equal(closs_status_name((closs_status)8), "unknown status");
  assert_string_equal(closs_status_name((closs_status)-1), "unknown status");
}

static void opencl_names(void **state) {
  (void)state;
#define ROW(code)                                                                                                      \
  { code, #code }
  static const struct {
    int32_t code;
    const char *name;
  } rows[] = {ROW(CL_SUCCESS),
              ROW(CL_DEVICE_NOT_FOUND),
              ROW(CL_OUT_OF_RESOURCES),
              ROW(CL_OUT_OF_HOST_MEMORY),
              ROW(CL_BUILD_PROGRAM_FAILURE),
              ROW(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
              ROW(CL_INVALID_VALUE),
              ROW(CL_INVALID_KERNEL_ARGS),
              ROW(CL_INVALID_EVENT_WAIT_LIST),
              ROW(CL_INVALID_BUFFER_SIZE),
              ROW(CL_INVALID_DEVICE_PARTITION_COUNT),
              {-1001, "CL_PLATFORM_NOT_FOUND_KHR"}};
#undef ROW
  for (size_t i = 0; i < TEST_COUNT(rows); i++)
    assert_string_equal(closs_opencl_error_name(rows[i].code), rows[i].name);
  /* OpenCL 1.2 numbers from 0 to -19 and from -30 to -68 without a gap. */
  for (int32_t code = 0; code >= -68; code--)
    assert_int_equal(!strcmp(closs_opencl_error_name(code), "unknown OpenCL error"), code < -19 && code > -30);
  assert_string_equal(closs_opencl_error_name(1), "unknown OpenCL error");
  assert_string_equal(closs_opencl_error_name(INT32_MIN), "unknown OpenCL error");
}

static void version(void **state) {
  (void)state;
  char text[32];
  (void)snprintf(text, sizeof text, "%d.%d.%d", CLOSS_VERSION_MAJOR, CLOSS_VERSION_MINOR, CLOSS_VERSION_PATCH);
  assert_string_equal(closs_version(), text);
  assert_string_equal(closs_version(), CLOSS_VERSION);
}

static void failures(void **state) {
  (void)state;
  closs_error error = {CLOSS_OK, -5, ""};
  assert_int_equal(closs_fail(&error, CLOSS_UNSUPPORTED, "weight: %d of\n%s", 7, "two\r\nlines"), CLOSS_UNSUPPORTED);
  assert_int_equal(error.status, CLOSS_UNSUPPORTED);
  assert_int_equal(error.opencl, CL_SUCCESS);
  assert_string_equal(error.text, "weight: 7 of two  lines");
  assert_int_equal(closs_fail_opencl(&error, CL_OUT_OF_HOST_MEMORY, "clCreateBuffer of %d bytes", 512),
                   CLOSS_OPENCL_ERROR);
  assert_int_equal(error.status, CLOSS_OPENCL_ERROR);
  assert_int_equal(error.opencl, CL_OUT_OF_HOST_MEMORY);
  assert_string_equal(error.text, "clCreateBuffer of 512 bytes: CL_OUT_OF_HOST_MEMORY (-6)");
  assert_int_equal(closs_fail(NULL, CLOSS_NOT_PREPARED, "unread"), CLOSS_NOT_PREPARED);
  assert_int_equal(closs_fail_opencl(NULL, CL_INVALID_VALUE, "unread"), CLOSS_OPENCL_ERROR);
}

/* A line that is too long is cut, and an OpenCL code stays at its end. */
static void long_failures(void **state) {
  (void)state;
  char name[2000];
  closs_error error;
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_int_equal(closs_fail(&error, CLOSS_INVALID_ARGUMENT, "%s", name), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(strlen(error.text), CLOSS_ERROR_TEXT - 1);
  (void)closs_fail_opencl(&error, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "%s", name);
  assert_non_null(strstr(error.text, "x: CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST (-14)"));
}

typedef struct closs_counter {
  int allocated, released;
  unsigned char memory[64];
} closs_counter;

static void *count_allocate(void *user, size_t bytes) {
  closs_counter *counter = user;
  counter->allocated++;
  return bytes <= sizeof counter->memory ? counter->memory : NULL;
}

static void count_release(void *user, void *memory) {
  closs_counter *counter = user;
  counter->released += memory == counter->memory;
}

static void allocation(void **state) {
  (void)state;
  static const unsigned char zeros[64] = {0};
  closs_counter counter = {.memory = {1, 2, 3}};
  closs_allocator own = {&counter, count_allocate, count_release}, none = {NULL, NULL, NULL};
  void *memory = closs_allocate(&own, sizeof counter.memory);
  assert_ptr_equal(memory, counter.memory);
  assert_memory_equal(memory, zeros, sizeof zeros);
  assert_null(closs_allocate(&own, 65));
  closs_release(&own, memory);
  assert_int_equal(counter.allocated, 2);
  assert_int_equal(counter.released, 1);
  memory = closs_allocate(&none, sizeof zeros);
  assert_non_null(memory);
  assert_memory_equal(memory, zeros, sizeof zeros);
  closs_release(&none, memory);
  closs_release(&none, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(status_names), cmocka_unit_test(opencl_names),  cmocka_unit_test(version),
      cmocka_unit_test(failures),     cmocka_unit_test(long_failures), cmocka_unit_test(allocation),
  };
  return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
