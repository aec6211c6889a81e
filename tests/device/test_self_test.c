/* The self-test of a context and of images: a device that computes right is taken, one that computes wrong is refused.
 */
#include <stdio.h>
#include <string.h>

#include "closs/bundle.h"
#include "support/device.h"
#include "support/harness.h"
#include "support/lesser.h"

/* ---- a device whose results are wrong in one bit, of elements far into an array too ---- */

static size_t wrong_byte; /* of every array that is read back and is long enough */
static unsigned spoilt;

static void spoil(void *bytes, size_t size) {
  if (size <= wrong_byte) return;
  ((unsigned char *)bytes)[wrong_byte] ^= 1;
  spoilt++;
}

static cl_int CL_API_CALL read_wrong(cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset,
                                     size_t size, void *place, cl_uint count, const cl_event *wait, cl_event *event) {
  const cl_int code = clEnqueueReadBuffer(queue, memory, blocking, offset, size, place, count, wait, event);
  if (!code) spoil(place, size);
  return code;
}

static void *CL_API_CALL map_wrong(cl_command_queue queue, cl_mem memory, cl_bool blocking, cl_map_flags flags,
                                   size_t offset, size_t size, cl_uint count, const cl_event *wait, cl_event *event,
                                   cl_int *code) {
  void *mapped = clEnqueueMapBuffer(queue, memory, blocking, flags, offset, size, count, wait, event, code);
  if (mapped) spoil(mapped, size);
  return mapped;
}

static closs_opencl wrong_device(const closs_opencl *table, size_t byte) {
  closs_opencl wrong = *table;
  wrong.EnqueueReadBuffer = read_wrong;
  wrong.EnqueueMapBuffer = map_wrong;
  wrong_byte = byte;
  spoilt = 0;
  return wrong;
}

static void refused(const test_device *device, closs_context_options *options, const char *what) {
  const closs_opencl *right = options->opencl ? options->opencl : closs_opencl_loader();
  for (size_t byte = 0; byte < 20000; byte += 19999) { /* the loss, or a gradient */
    const closs_opencl wrong = wrong_device(right, byte);
    closs_context *context = (closs_context *)&wrong_byte;
    closs_error error;
    options->opencl = &wrong;
    assert_int_equal(closs_context_create(device->context, device->device, options, &context, &error),
                     CLOSS_SELF_TEST_FAILED);
    assert_null(context);
    assert_true(spoilt > 0);
    if (!strstr(error.text, what)) fail_msg("\"%s\" lacks \"%s\"", error.text, what);
    assert_non_null(strstr(error.text, byte ? " element 4999 of " : " element 0 of 1 of the loss"));
  }
  options->opencl = right;
}

static void accepted(const test_device *device, const closs_context_options *options) {
  closs_context *context = NULL;
  closs_error error;
  if (closs_context_create(device->context, device->device, options, &context, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  closs_context_destroy(context);
}

static void compiled(void **state) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.self_test = true;
  accepted(*state, &options);
  refused(*state, &options, ": self-test: l1 contiguous_f32 gives a wrong result: ");
  options.self_test = false;
  const closs_opencl wrong = wrong_device(closs_opencl_loader(), 0);
  options.opencl = &wrong; /* nobody looks */
  accepted(*state, &options);
}

/* ---- images, on a device without a compiler ---- */

typedef struct build {
  const test_device *device;
  const char *stale; /* what the digits of the kernels' names become; NULL: they stay */
  unsigned char *image;
  size_t size;
} build;

/* What a vendor's compiler would make of the source of huber for neighbouring f32. */
static void build_source(void *user, const closs_offline_source *source) {
  build *b = user;
  cl_int code = CL_SUCCESS;
  if (strcmp(source->name, "closs_huber_contiguous_f32") != 0) return;
  char *text = test_allocate(source->text_size + 1);
  memcpy(text, source->text, source->text_size + 1);
  const char *stem = "closs_huber_contiguous_f32_";
  for (char *at = text; b->stale && (at = strstr(at, stem)) != NULL;)
    at = memcpy(at + strlen(stem), b->stale, 8);
  cl_program program = clCreateProgramWithSource(b->device->context, 1, (const char *[]){text}, NULL, &code);
  test_cl(code, "clCreateProgramWithSource");
  test_cl(clBuildProgram(program, 1, &b->device->device, "", NULL, NULL), "clBuildProgram");
  test_cl(clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof b->size, &b->size, NULL), "clGetProgramInfo");
  b->image = test_allocate(b->size);
  test_cl(clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof b->image, &b->image, NULL), "clGetProgramInfo");
  clReleaseProgram(program);
  free(text);
}

static closs_status pack(closs_context *context, const build *b, void **bundle, size_t *size, closs_error *error) {
  const closs_image image = {b->image, b->size};
  closs_bundle_options options = CLOSS_BUNDLE_OPTIONS_INIT;
  options.images = &image;
  options.image_count = 1;
  return closs_bundle_make(context, &options, bundle, size, error);
}

static void images(void **state) {
  const test_device *device = *state;
  const test_lesser lacks = {.type = CL_DEVICE_TYPE_ACCELERATOR, .no_compiler = true};
  const closs_bundle_options all = CLOSS_BUNDLE_OPTIONS_INIT;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_context *context = NULL;
  closs_error error;
  void *bundle = NULL;
  /* llvmpipe ends the loops of one work-item that does everything (plan/loops.h). */
  if (strstr(device->name, "rusticl")) skip();
  build fresh = {device, NULL, NULL, 0}, stale = {device, "01234567", NULL, 0};
  options.opencl = test_lesser_start(&lacks);
  assert_int_equal(closs_context_create(device->context, device->device, &options, &context, &error), CLOSS_OK);
  assert_int_equal(closs_bundle_sources(context, &all, build_source, &fresh, &error), CLOSS_OK);
  assert_int_equal(closs_bundle_sources(context, &all, build_source, &stale, &error), CLOSS_OK);
  assert_int_equal(pack(context, &stale, &bundle, &options.bundle_size, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(strncmp(error.text, "image: its kernel closs_huber_contiguous_f32_01234567_", 54), 0);
  assert_non_null(strstr(error.text, " is of other sources; this closs's begin with closs_huber_contiguous_f32_"));
  if (pack(context, &fresh, &bundle, &options.bundle_size, &error) != CLOSS_OK) fail_msg("%s", error.text);
  closs_context_destroy(context);

  options.bundle = bundle;
  options.self_test = true;
  accepted(device, &options);
  refused(device, &options, ": self-test: huber contiguous_f32 gives a wrong result: ");

  /* The device is looked at when the bundle is made, too. */
  void *none = NULL;
  const closs_opencl right = *options.opencl, wrong = wrong_device(&right, 0);
  closs_context_options plain = CLOSS_CONTEXT_OPTIONS_INIT;
  plain.opencl = &wrong;
  assert_int_equal(closs_context_create(device->context, device->device, &plain, &context, &error), CLOSS_OK);
  assert_int_equal(pack(context, &fresh, &none, &options.bundle_size, &error), CLOSS_SELF_TEST_FAILED);
  assert_null(none);
  closs_context_destroy(context);
  closs_bundle_release(device->closs, bundle);
  free(fresh.image);
  free(stale.image);
}

/* ---- SPIR-V: by a function of the platform's, which here takes a module's name for the module ---- */

static const unsigned char module[] = {0x03, 0x02, 0x23, 0x07, 'm', 'o', 'd', 'u', 'l', 'e'};
static char *module_text;
static unsigned modules;

static void keep_text(void *user, const closs_offline_source *source) {
  (void)user;
  if (strcmp(source->name, "closs_huber_contiguous_f32") == 0)
    module_text = memcpy(test_allocate(source->text_size + 1), source->text, source->text_size + 1);
}

static cl_program CL_API_CALL create_with_il(cl_context context, const void *bytes, size_t size, cl_int *code) {
  assert_int_equal(size, sizeof module);
  assert_memory_equal(bytes, module, size);
  modules++;
  return clCreateProgramWithSource(context, 1, (const char **)&module_text, NULL, code);
}

static void *CL_API_CALL functions(cl_platform_id platform, const char *name) {
  typedef cl_program(CL_API_CALL * create_function)(cl_context, const void *, size_t, cl_int *);
  assert_non_null(platform);
  if (strcmp(name, "clCreateProgramWithILKHR")) return clGetExtensionFunctionAddressForPlatform(platform, name);
  create_function create = create_with_il;
  return *(void **)&create;
}

static void *CL_API_CALL no_functions(cl_platform_id platform, const char *name) {
  (void)platform, (void)name;
  return NULL;
}

static cl_program CL_API_CALL no_binaries(cl_context context, cl_uint count, const cl_device_id *devices,
                                          const size_t *sizes, const unsigned char **binaries, cl_int *of_device,
                                          cl_int *code) {
  (void)context, (void)count, (void)devices, (void)sizes, (void)binaries, (void)of_device, (void)code;
  fail_msg("SPIR-V was given to the driver as a binary");
  return NULL;
}

static void spirv(void **state) {
  const test_device *device = *state;
  const test_lesser lacks = {.type = CL_DEVICE_TYPE_ACCELERATOR, .no_compiler = true};
  const closs_bundle_options all = CLOSS_BUNDLE_OPTIONS_INIT;
  const build image = {device, NULL, (unsigned char *)(uintptr_t)module, sizeof module};
  if (strstr(device->name, "rusticl")) skip(); /* as above */
  for (int has = 0; has < 2; has++) {
    closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
    closs_context *context = NULL;
    closs_error error;
    void *bundle = NULL;
    closs_opencl table = *test_lesser_start(&lacks);
    table.GetExtensionFunctionAddressForPlatform = has ? functions : no_functions;
    table.CreateProgramWithBinary = no_binaries;
    options.opencl = &table;
    assert_int_equal(closs_context_create(device->context, device->device, &options, &context, &error), CLOSS_OK);
    if (!has) assert_int_equal(closs_bundle_sources(context, &all, keep_text, NULL, &error), CLOSS_OK);
    const closs_status status = pack(context, &image, &bundle, &options.bundle_size, &error);
    assert_int_equal(status, has ? CLOSS_OK : CLOSS_INVALID_ARGUMENT);
    if (!has) assert_int_equal(strncmp(error.text, "image: 10 bytes that the driver of ", 35), 0);
    closs_context_destroy(context);
    if (!has) continue;
    options.bundle = bundle;
    options.self_test = true;
    modules = 0;
    accepted(device, &options);
    assert_int_equal(modules, 1);
    refused(device, &options, ": self-test: huber contiguous_f32 gives a wrong result: ");
    closs_bundle_release(device->closs, bundle);
  }
  free(module_text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(compiled), cmocka_unit_test(images), cmocka_unit_test(spirv)};
  return cmocka_run_group_tests_name("self-test", tests, test_device_setup, test_device_teardown);
}
