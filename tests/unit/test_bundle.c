/* Bundles: what is damaged, or for something else, never reaches a driver. No OpenCL: the driver is made up. */
#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "program/bundle.h"
#include "program/entry.h"
#include "program/key.h"
#include "program/programs.h"
#include "support/harness.h"

static struct {
  unsigned loads; /* programs that the driver was given */
  const char *expected;
  char log[512];
} driver;

static int program_object;

static cl_program CL_API_CALL load(cl_context context, cl_uint count, const cl_device_id *devices, const size_t *sizes,
                                   const unsigned char **binaries, cl_int *of_device, cl_int *code) {
  (void)context, (void)devices;
  assert_int_equal(count, 1);
  assert_int_equal(sizes[0], strlen(driver.expected));
  assert_memory_equal(binaries[0], driver.expected, sizes[0]);
  driver.loads++;
  *of_device = *code = CL_SUCCESS;
  return (cl_program)&program_object;
}

static cl_int CL_API_CALL build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                                void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
  (void)program, (void)count, (void)devices, (void)options, (void)notify, (void)user;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL release(cl_program program) {
  assert_ptr_equal(program, &program_object);
  return CL_SUCCESS;
}

static void log_line(void *user, closs_log_level level, const char *line) {
  (void)user, (void)level;
  (void)snprintf(driver.log, sizeof driver.log, "%s", line);
}

static char identity[] = "platform P\ndevice D\ndriver version 7\n",
            older[] = "platform P\ndevice D\ndriver version 6\n";
static closs_context context;

/* Two programs, of which the second's payload is asked for below, and a class. */
static const closs_program_spec first = {CLOSS_CONTIGUOUS_F32,
                                         CLOSS_L1,
                                         CLOSS_BODY_PASS | CLOSS_BODY_MERGE | CLOSS_BODY_EXTEND | CLOSS_BODY_STAGE,
                                         CLOSS_ANY,
                                         0,
                                         0};
static const closs_program_spec second = {CLOSS_CONTIGUOUS_F32,
                                          CLOSS_MSE,
                                          CLOSS_BODY_PASS | CLOSS_BODY_MERGE | CLOSS_BODY_EXTEND | CLOSS_BODY_STAGE,
                                          CLOSS_ANY,
                                          0,
                                          0};
static const char payloads[3][32] = {"the first program", "the second program, longer", "\1"};

static unsigned char *make(char *of, size_t *size) {
  char *lines = context.identity;
  context.identity = of;
  char *keys[3] = {closs_key_program(&context, &first), closs_key_program(&context, &second),
                   closs_key_class(&context)};
  closs_bundle_row rows[3];
  for (int i = 0; i < 3; i++)
    rows[i] = (closs_bundle_row){
        keys[i], strlen(keys[i]), "closs_", 6, (const unsigned char *)payloads[i], strlen(payloads[i]), 0};
  unsigned char *bundle = closs_bundle_write(&context.allocator, rows, 3, size);
  assert_non_null(bundle);
  for (int i = 0; i < 3; i++)
    free(keys[i]);
  context.identity = lines;
  return bundle;
}

/* What becomes of the second program, taken from a bundle on a device without a compiler. */
static closs_status take(const void *bundle, closs_error *error) {
  closs_program program;
  context.bundle = bundle;
  driver.loads = 0;
  driver.expected = payloads[1];
  driver.log[0] = '\0';
  assert_int_equal(closs_programs_create(&context, &context.programs, error), CLOSS_OK);
  const closs_status status = closs_program_get(&context, &second, &program, error);
  closs_programs_destroy(&context, context.programs);
  return status;
}

static int set_up(void **state) {
  (void)state;
  memset(&context, 0, sizeof context);
  context.identity = identity;
  context.log = log_line;
  strcpy(context.device_name, "D");
  context.cl.CreateProgramWithBinary = load; /* any other call would crash */
  context.cl.BuildProgram = build;
  context.cl.ReleaseProgram = release;
  return 0;
}

static void undamaged(void **state) {
  (void)state;
  size_t size;
  closs_error error;
  unsigned char *bundle = make(identity, &size);
  assert_int_equal(closs_bundle_check(bundle, size, &error), CLOSS_OK);
  assert_int_equal(take(bundle, &error), CLOSS_OK);
  assert_int_equal(driver.loads, 1);
  assert_string_equal(driver.log, "");
  free(bundle);
}

/* A bit of the head is seen when the bundle is given, one of a payload when that is taken. */
static void flipped_bits(void **state) {
  (void)state;
  size_t size, in_head = 0, in_payload = 0;
  closs_error error;
  unsigned char *bundle = make(identity, &size);
  for (size_t i = 0; i < size; i++)
    for (int bit = 0; bit < 8; bit++) {
      bundle[i] ^= (unsigned char)(1 << bit);
      if (closs_bundle_check(bundle, size, &error) != CLOSS_OK) {
        assert_int_equal(error.status, CLOSS_INVALID_ARGUMENT);
        assert_int_equal(strncmp(error.text, "bundle: ", 8), 0);
        in_head++;
      } else if (take(bundle, &error) != CLOSS_OK) {
        assert_int_equal(error.status, CLOSS_COMPILE_FAILED);
        assert_string_equal(error.text, "D: the device has no compiler, and the bundle's program for mse "
                                        "contiguous_f32 pass merge extend stage is damaged");
        assert_int_equal(driver.loads, 0);
        in_payload++;
      } else {
        assert_int_equal(driver.loads, 1); /* another row's; the driver checks the bytes */
      }
      bundle[i] ^= (unsigned char)(1 << bit);
    }
  const size_t texts = strlen(payloads[0]) + strlen(payloads[2]);
  assert_int_equal(in_payload, 8 * strlen(payloads[1]));
  assert_int_equal(in_head, 8 * (size - texts) - in_payload);
  free(bundle);
}

static void cut_short(void **state) {
  (void)state;
  size_t size;
  closs_error error;
  unsigned char *bundle = make(identity, &size);
  for (size_t cut = 0; cut < size; cut++) {
    unsigned char *copy = test_allocate(cut); /* of just that size, for the sanitizers */
    memcpy(copy, bundle, cut);
    assert_int_equal(closs_bundle_check(copy, cut, &error), CLOSS_INVALID_ARGUMENT);
    char text[128];
    if (cut < 80)
      (void)snprintf(text, sizeof text, "bundle: %zu bytes that are no bundle of closs %s", cut, CLOSS_VERSION);
    else
      (void)snprintf(text, sizeof text, "bundle: damaged: %zu bytes, of %zu that it says it has", cut, size);
    assert_string_equal(error.text, text);
    free(copy);
  }
  unsigned char *longer = test_allocate(size + 1);
  memcpy(longer, bundle, size);
  longer[size] = 0;
  assert_int_equal(closs_bundle_check(longer, size + 1, &error), CLOSS_INVALID_ARGUMENT);
  free(longer);
  free(bundle);
}

/* Makes the checksum of a changed head right again. */
static void seal(unsigned char *bundle) {
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, bundle, 48);
  closs_sha256_add(&hash, bundle + 80, (size_t)closs_read_u64(bundle + 32) - 80);
  closs_sha256_end(&hash, bundle + 48);
}

/* What a head that someone made says of places is not believed, checksum or not. */
static void forged(void **state) {
  (void)state;
  size_t size;
  closs_error error;
  unsigned char *bundle = make(identity, &size);
  for (int n = 0; n < 6; n += 2) { /* key, prefix and payload of the first row */
    unsigned char *at = bundle + 80 + 8 * n, *length = at + 8;
    const uint64_t was_at = closs_read_u64(at), was_length = closs_read_u64(length);
    const uint64_t end = n == 4 ? size : closs_read_u64(bundle + 32);
    const uint64_t wrong[][2] = {{end - 1, 2}, {end + 1, 0}, {79, 1}, {was_at, end - was_at + 1}, {was_at, UINT64_MAX}};
    for (size_t i = 0; i < TEST_COUNT(wrong); i++) {
      closs_write_u64(at, wrong[i][0]);
      closs_write_u64(length, wrong[i][1]);
      seal(bundle);
      if (closs_bundle_check(bundle, size, &error) == CLOSS_OK) fail_msg("number %d: case %zu is taken", n, i);
    }
    closs_write_u64(at, was_at);
    closs_write_u64(length, was_length);
    seal(bundle);
    assert_int_equal(closs_bundle_check(bundle, size, &error), CLOSS_OK);
  }
  /* A row that is not in the head, where the payloads are. */
  unsigned char row[80 + 96] = {0};
  memcpy(row, bundle, 16);
  closs_write_u64(row + 16, sizeof row);
  closs_write_u64(row + 24, 1);
  closs_write_u64(row + 32, 80);
  for (int n = 0; n < 6; n += 2)
    closs_write_u64(row + 80 + 8 * n, 80);
  seal(row);
  assert_int_equal(closs_bundle_check(row, sizeof row, &error), CLOSS_INVALID_ARGUMENT);
  free(bundle);
}

/* A bundle whose programs are for something else: the line that differs is told. */
static void for_another(void **state) {
  (void)state;
  size_t size;
  closs_error error;
  unsigned char *bundle = make(older, &size);
  assert_int_equal(closs_bundle_check(bundle, size, &error), CLOSS_OK);
  assert_int_equal(take(bundle, &error), CLOSS_COMPILE_FAILED);
  assert_string_equal(error.text,
                      "D: the device has no compiler, and the bundle's program for mse contiguous_f32 pass merge "
                      "extend stage is for 'driver version 6', expected 'driver version 7'");
  assert_string_equal(driver.log,
                      "the bundle's program for mse contiguous_f32 pass merge extend stage is for 'driver version "
                      "6', expected 'driver version 7'");
  assert_int_equal(driver.loads, 0);
  free(bundle);
  bundle = make(identity, &size);
  context.caps.fp64 = true; /* other options */
  assert_int_equal(take(bundle, &error), CLOSS_COMPILE_FAILED);
  assert_non_null(strstr(error.text, " is for 'options -cl-std=CL1.2 -DCLOSS_STORAGE=12', expected 'options "));
  assert_int_equal(driver.loads, 0);
  free(bundle);
}

/* Another closs: of its format, or by its keys. */
static void other_versions(void **state) {
  (void)state;
  static const char mine[] = "closs " CLOSS_VERSION "\n";
  char text[256];
  size_t size, key_size;
  closs_error error;
  unsigned char *bundle = make(identity, &size);
  bundle[13] = '2'; /* "closs bundle 2" */
  assert_int_equal(closs_bundle_check(bundle, size, &error), CLOSS_INVALID_ARGUMENT);
  (void)snprintf(text, sizeof text, "bundle: %zu bytes that are no bundle of closs %s", size, CLOSS_VERSION);
  assert_string_equal(error.text, text);
  free(bundle);
  char *key = closs_key_program(&context, &second);
  key_size = strlen(key);
  assert_int_equal(strncmp(key, mine, strlen(mine)), 0);
  key[6] = '9';
  const closs_bundle_row row = {key, key_size, "closs_", 6, (const unsigned char *)payloads[1], strlen(payloads[1]), 0};
  bundle = closs_bundle_write(&context.allocator, &row, 1, &size);
  assert_int_equal(take(bundle, &error), CLOSS_COMPILE_FAILED);
  (void)snprintf(text, sizeof text, "is for 'closs 9%s', expected 'closs %s'", &CLOSS_VERSION[1], CLOSS_VERSION);
  if (strstr(error.text, text) == NULL) fail_msg("\"%s\" lacks \"%s\"", error.text, text);
  assert_int_equal(driver.loads, 0);
  free(bundle);
  free(key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(undamaged, set_up), cmocka_unit_test_setup(flipped_bits, set_up),
      cmocka_unit_test_setup(cut_short, set_up), cmocka_unit_test_setup(for_another, set_up),
      cmocka_unit_test_setup(forged, set_up),    cmocka_unit_test_setup(other_versions, set_up),
  };
  return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
