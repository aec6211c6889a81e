/* Making a context, on a device that is made up: no OpenCL is called. */
#include <stdio.h>
#include <string.h>

#include "closs/plan.h"
#include "device/context.h"
#include "device/opencl.h"
#include "support/harness.h"

/* The device, and what became of it. */
static struct {
  const char *name, *profile, *extensions;
  cl_device_fp_config double_config;
  cl_device_type type;
  cl_bool available;
  cl_bitfield svm;         /* CL_DEVICE_SVM_CAPABILITIES, 0: no such question */
  int found;               /* how many of Intel's two functions there are */
  int calls, failing_call; /* the call of this number fails, counted from 1 */
  int retained_contexts, retained_devices;
  int allocations, failing_allocation, in_use;
} fake;

static int context_object, device_object, other_object, platform_object;
static cl_context const opencl_context = (cl_context)&context_object;
static cl_device_id const device = (cl_device_id)&device_object;

static bool fails(void) {
  return ++fake.calls == fake.failing_call;
}

static cl_int answer(const void *value, size_t bytes, size_t size, void *place, size_t *needed) {
  if (fails()) return CL_OUT_OF_RESOURCES;
  if (needed) *needed = bytes;
  if (place && size < bytes) return CL_INVALID_VALUE;
  if (place) memcpy(place, value, bytes);
  return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info info, size_t size, void *place,
                                            size_t *needed) {
  assert_ptr_equal(platform, &platform_object);
  if (info == CL_PLATFORM_VERSION) return answer("OpenCL 9", sizeof "OpenCL 9", size, place, needed);
  assert_int_equal(info, CL_PLATFORM_NAME);
  return answer("Made Up", sizeof "Made Up", size, place, needed);
}

static cl_int CL_API_CALL get_device_info(cl_device_id asked, cl_device_info info, size_t size, void *place,
                                          size_t *needed) {
  const cl_platform_id platform = (cl_platform_id)&platform_object;
  const cl_bool yes = CL_TRUE;
  const cl_uint bits = 32, units = 5, alignment = 1024;
  const cl_ulong local = 16384, global = 1000000, allocation = 250000, cache = 4096;
  const size_t group = 64, arguments = 256;
  assert_ptr_equal(asked, device);
#define ANSWER(query, value)                                                                                           \
  case query:                                                                                                          \
    return answer(&(value), sizeof(value), size, place, needed)
  switch (info) {
    ANSWER(CL_DEVICE_PLATFORM, platform);
    ANSWER(CL_DEVICE_DOUBLE_FP_CONFIG, fake.double_config);
    ANSWER(CL_DEVICE_TYPE, fake.type);
    ANSWER(CL_DEVICE_AVAILABLE, fake.available);
    ANSWER(CL_DEVICE_COMPILER_AVAILABLE, yes);
    ANSWER(CL_DEVICE_HOST_UNIFIED_MEMORY, yes);
    ANSWER(CL_DEVICE_ENDIAN_LITTLE, yes);
    ANSWER(CL_DEVICE_ADDRESS_BITS, bits);
    ANSWER(CL_DEVICE_MAX_COMPUTE_UNITS, units);
    ANSWER(CL_DEVICE_MEM_BASE_ADDR_ALIGN, alignment);
    ANSWER(CL_DEVICE_MAX_WORK_GROUP_SIZE, group);
    ANSWER(CL_DEVICE_LOCAL_MEM_SIZE, local);
    ANSWER(CL_DEVICE_GLOBAL_MEM_SIZE, global);
    ANSWER(CL_DEVICE_MAX_MEM_ALLOC_SIZE, allocation);
    ANSWER(CL_DEVICE_MAX_PARAMETER_SIZE, arguments);
    ANSWER(CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, cache);
  case 0x1053: /* CL_DEVICE_SVM_CAPABILITIES */
    return fake.svm ? answer(&fake.svm, sizeof fake.svm, size, place, needed) : (fails(), CL_INVALID_VALUE);
  case CL_DEVICE_NAME:
    return answer(fake.name, strlen(fake.name) + 1, size, place, needed);
  case CL_DEVICE_VENDOR:
    return answer("Maker", sizeof "Maker", size, place, needed);
  case CL_DEVICE_VERSION:
    return answer("OpenCL 1.2 x", sizeof "OpenCL 1.2 x", size, place, needed);
  case CL_DRIVER_VERSION:
    return answer("7\n7", sizeof "7\n7", size, place, needed);
  case CL_DEVICE_PROFILE:
    return answer(fake.profile, strlen(fake.profile) + 1, size, place, needed);
  case CL_DEVICE_EXTENSIONS:
    return answer(fake.extensions, strlen(fake.extensions) + 1, size, place, needed);
  default:
    return CL_INVALID_VALUE;
  }
#undef ANSWER
}

static cl_int CL_API_CALL get_context_info(cl_context asked, cl_context_info info, size_t size, void *place,
                                           size_t *needed) {
  const cl_device_id devices[2] = {(cl_device_id)&platform_object, device};
  assert_ptr_equal(asked, opencl_context);
  assert_int_equal(info, CL_CONTEXT_DEVICES);
  return answer(devices, sizeof devices, size, place, needed);
}

static cl_int CL_API_CALL retain_context(cl_context context) {
  assert_ptr_equal(context, opencl_context);
  if (fails()) return CL_OUT_OF_RESOURCES;
  fake.retained_contexts++;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL release_context(cl_context context) {
  assert_ptr_equal(context, opencl_context);
  fake.retained_contexts--;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL retain_device(cl_device_id retained) {
  assert_ptr_equal(retained, device);
  if (fails()) return CL_OUT_OF_RESOURCES;
  fake.retained_devices++;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL release_device(cl_device_id released) {
  assert_ptr_equal(released, device);
  fake.retained_devices--;
  return CL_SUCCESS;
}

static void *allocate(void *user, size_t bytes) {
  assert_ptr_equal(user, &fake);
  if (++fake.allocations == fake.failing_allocation) return NULL;
  fake.in_use++;
  return malloc(bytes);
}

static void release(void *user, void *memory) {
  assert_ptr_equal(user, &fake);
  fake.in_use -= memory != NULL;
  free(memory);
}

static closs_opencl table;

static int set_up(void **state) {
  (void)state;
  memset(&fake, 0, sizeof fake);
  fake.name = "Device";
  fake.profile = "FULL_PROFILE";
  fake.extensions = "cl_khr_icd";
  fake.type = CL_DEVICE_TYPE_GPU;
  fake.available = CL_TRUE;
  table = *closs_opencl_loader();
  closs_opencl_find_newer(&table);
  table.GetPlatformInfo = get_platform_info;
  table.GetDeviceInfo = get_device_info;
  table.GetContextInfo = get_context_info;
  table.RetainContext = retain_context;
  table.ReleaseContext = release_context;
  table.RetainDevice = retain_device;
  table.ReleaseDevice = release_device;
  return 0;
}

static closs_context_options usual(void) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.opencl = &table;
  options.allocator = (closs_allocator){&fake, allocate, release};
  return options;
}

static void nothing_is_left(void) {
  assert_int_equal(fake.retained_contexts, 0);
  assert_int_equal(fake.retained_devices, 0);
  assert_int_equal(fake.in_use, 0);
}

static closs_context *created(void) {
  closs_context_options options = usual();
  closs_context *context = NULL;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_status status = closs_context_create(opencl_context, device, &options, &context, &error);
  assert_string_equal(error.text, "");
  assert_int_equal(status, CLOSS_OK);
  assert_int_equal(fake.retained_contexts, 1);
  assert_int_equal(fake.retained_devices, 1);
  return context;
}

static void refused(cl_context in, cl_device_id on, const closs_context_options *options, const char *text) {
  closs_context *context = (closs_context *)&other_object;
  closs_error error = {CLOSS_OK, 0, ""};
  assert_int_equal(closs_context_create(in, on, options, &context, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, text);
  assert_null(context);
  nothing_is_left();
}

static void capabilities(void **state) {
  (void)state;
  closs_context *context = created();
  assert_string_equal(context->platform_name, "Made Up");
  assert_string_equal(context->device_name, "Device");
  char identity[256]; /* a line of a key stays a line */
  (void)snprintf(
      identity, sizeof identity,
      "platform Made Up\ndevice Device\nvendor Maker\nplatform version OpenCL 9\ndevice version OpenCL 1.2 x\n"
      "driver version 7 7\nhost pointer bits %zu\n",
      8 * sizeof(void *));
  assert_string_equal(context->identity, identity);
  const closs_caps *caps = &context->caps;
  assert_string_equal(caps->vendor, "Maker");
  assert_string_equal(caps->platform, "Made Up");
  assert_int_equal(caps->type, CLOSS_DEVICE_GPU);
  assert_true(caps->compiler && caps->unified_memory && caps->little_endian && caps->int64 && !caps->fp64);
  assert_int_equal(caps->address_bits, 32);
  assert_int_equal(caps->compute_units, 5);
  assert_int_equal(caps->alignment, 128);
  assert_int_equal(caps->max_work_group, 64);
  assert_int_equal(caps->local_memory, 16384);
  assert_int_equal(caps->global_memory, 1000000);
  assert_int_equal(caps->max_allocation, 250000);
  assert_int_equal(caps->max_arguments, 256);
  assert_int_equal(caps->cache, 4096);
  closs_context_destroy(context);
  nothing_is_left();
  closs_context_destroy(NULL);
}

static void optional_types(void **state) {
  (void)state;
  static const struct {
    const char *profile, *extensions;
    cl_device_fp_config config;
    bool int64, fp64;
  } rows[] = {
      {"FULL_PROFILE", "", 0, true, false},
      {"FULL_PROFILE", "", CL_FP_FMA, true, true},
      {"FULL_PROFILE", "cl_khr_icd cl_khr_fp64", 0, true, true},
      {"FULL_PROFILE", "cl_khr_fp64_not xcl_khr_fp64", 0, true, false},
      {"FULL_PROFILE", "xcl_khr_fp64 cl_khr_fp64 ", 0, true, true},
      {"EMBEDDED_PROFILE", "cl_khr_fp64", CL_FP_FMA, false, false},
      {"EMBEDDED_PROFILE", "cles_khr_int64", 0, true, false},
      {"EMBEDDED_PROFILE", "cles_khr_int64 cl_khr_icd", CL_FP_FMA, true, true},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    fake.profile = rows[i].profile;
    fake.extensions = rows[i].extensions;
    fake.double_config = rows[i].config;
    closs_context *context = created();
    assert_int_equal(context->caps.int64, rows[i].int64);
    assert_int_equal(context->caps.fp64, rows[i].fp64);
    closs_context_destroy(context);
  }
}

static void device_types(void **state) {
  (void)state;
  static const struct {
    cl_device_type type;
    closs_device_type expected;
  } rows[] = {{CL_DEVICE_TYPE_CPU, CLOSS_DEVICE_CPU},
              {CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_DEFAULT, CLOSS_DEVICE_GPU},
              {CL_DEVICE_TYPE_ACCELERATOR, CLOSS_DEVICE_ACCELERATOR},
              {CL_DEVICE_TYPE_CUSTOM, CLOSS_DEVICE_OTHER}};
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    fake.type = rows[i].type;
    closs_context *context = created();
    assert_int_equal(context->caps.type, rows[i].expected);
    closs_context_destroy(context);
  }
}

static void long_names(void **state) {
  (void)state;
  char name[301];
  memset(name, 'n', 300);
  name[300] = '\0';
  fake.name = name;
  closs_context *context = created();
  assert_int_equal(strlen(context->device_name), sizeof context->device_name - 1);
  closs_context_destroy(context);
}

static size_t cache_get(void *user, const char *key, void *data, size_t capacity) {
  (void)user;
  (void)key;
  (void)data;
  return capacity;
}

static void wrong_arguments(void **state) {
  (void)state;
  char text[128];
  closs_context_options options = usual();
  closs_error error;
  assert_int_equal(closs_context_create(opencl_context, device, &options, NULL, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "context: NULL, expected where to write it");
  refused(NULL, device, &options, "opencl_context: NULL, expected an OpenCL context");
  refused(opencl_context, NULL, &options, "device: NULL, expected an OpenCL device");
  refused(opencl_context, (cl_device_id)&other_object, &options, "device: not one of the OpenCL context's devices");
  options.allocator.release = NULL;
  refused(opencl_context, device, &options, "allocator: release is NULL; expected both functions or neither");
  options = usual();
  options.allocator.allocate = NULL;
  refused(opencl_context, device, &options, "allocator: allocate is NULL; expected both functions or neither");
  options = usual();
  options.cache.get = cache_get;
  refused(opencl_context, device, &options, "cache: set is NULL; expected both functions or neither");
  options = usual();
  options.size++;
  (void)snprintf(text, sizeof text, "options: size is %zu, expected %zu; start from CLOSS_CONTEXT_OPTIONS_INIT",
                 sizeof options + 1, sizeof options);
  refused(opencl_context, device, &options, text);
  options = usual();
  fake.available = CL_FALSE;
  refused(opencl_context, device, &options, "device: Device is not available");
}

static void wrong_tables(void **state) {
  (void)state;
  char text[128];
  closs_context_options options = usual();
#define WITHOUT(name)                                                                                                  \
  (void)set_up(state);                                                                                                 \
  table.name = NULL;                                                                                                   \
  refused(opencl_context, device, &options, "opencl: the table's " #name " is NULL, expected cl" #name "()");
  CLOSS_OPENCL_FUNCTIONS(WITHOUT)
#undef WITHOUT
  (void)set_up(state);
  const size_t needed = offsetof(closs_opencl, GetExtensionFunctionAddressForPlatform);
  table.size = needed - 1;
  (void)snprintf(text, sizeof text, "opencl: size of the table is %zu, expected at least %zu", needed - 1, needed);
  refused(opencl_context, device, &options, text);
  table.size = sizeof table + 8; /* a newer program's */
  closs_context_destroy(created());
}

static void *CL_API_CALL find_function(cl_platform_id platform, const char *name) {
  assert_ptr_equal(platform, &platform_object);
  return fake.found && !strcmp(name, "clSetKernelArgMemPointerINTEL") ? (void *)&other_object
         : fake.found > 1 && !strcmp(name, "clEnqueueMemFillINTEL")   ? (void *)&other_object
                                                                      : NULL;
}

/* Kernels take addresses where the device says so and every function is there. */
static void memory_by_address(void **state) {
  static const char *const extensions[] = {"cl_khr_icd", "cl_intel_unified_shared_memory cl_khr_icd"};
  for (int functions = 0; functions < 3; functions++) {
    for (int svm = 0; svm < 2; svm++) {
      (void)set_up(state);
      fake.svm = svm ? 1 : 0;
      fake.found = functions;
      fake.extensions = extensions[svm];
      table.GetExtensionFunctionAddressForPlatform = find_function;
      closs_context *context = created();
      assert_int_equal(context->caps.svm, svm && table.SetKernelArgSVMPointer);
      assert_int_equal(context->caps.usm, svm && functions == 2);
      closs_context_destroy(context);
    }
  }
  table.SetKernelArgSVMPointer = NULL;
  table.GetExtensionFunctionAddressForPlatform = NULL;
  closs_context *context = created();
  assert_false(context->caps.svm || context->caps.usm);
  closs_context_destroy(context);
  (void)set_up(state); /* an older program's table */
  fake.svm = 1;
  table.size = offsetof(closs_opencl, GetExtensionFunctionAddressForPlatform);
  context = created();
  assert_false(context->caps.svm || context->caps.usm);
  closs_context_destroy(context);
}

/* Whatever OpenCL call fails, the context is not made, and nothing stays retained. */
static void failing_calls(void **state) {
  (void)state;
  int survived = 0;
  closs_context_destroy(created());
  const int calls = fake.calls;
  assert_in_range(calls, 20, 60);
  for (int i = 1; i <= calls; i++) {
    (void)set_up(state);
    fake.failing_call = i;
    closs_context_options options = usual();
    closs_context *context = (closs_context *)&other_object;
    closs_error error = {CLOSS_OK, 0, ""};
    closs_status status = closs_context_create(opencl_context, device, &options, &context, &error);
    if (status == CLOSS_OK) {
      survived++;
      closs_context_destroy(context);
    } else {
      assert_int_equal(status, CLOSS_OPENCL_ERROR);
      assert_int_equal(error.opencl, CL_OUT_OF_RESOURCES);
      assert_non_null(strstr(error.text, ": CL_OUT_OF_RESOURCES (-5)"));
      assert_null(context);
    }
    nothing_is_left();
  }
  assert_int_equal(survived, 2); /* an error where fp64 or SVM is asked for is the answer "none" */
}

static void failing_allocations(void **state) {
  (void)state;
  closs_context_destroy(created());
  int allocations = fake.allocations;
  assert_true(allocations >= 6);
  for (int i = 1; i <= allocations; i++) {
    (void)set_up(state);
    fake.failing_allocation = i;
    closs_context_options options = usual();
    closs_context *context = (closs_context *)&other_object;
    closs_error error = {CLOSS_OK, 0, ""};
    assert_int_equal(closs_context_create(opencl_context, device, &options, &context, &error), CLOSS_OUT_OF_MEMORY);
    assert_null(context);
    assert_int_equal(error.status, CLOSS_OUT_OF_MEMORY);
    assert_true(error.text[0] != '\0');
    nothing_is_left();
  }
}

/* What may be asked of a context without running anything. */
static void questions(void **state) {
  (void)state;
  closs_context *context = created();
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_error error;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F64, 0, NULL);
  assert_int_equal(closs_context_class(context), CLOSS_CLASS_UNKNOWN);
  assert_int_equal(closs_loss_supported(context, &options, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "input: type is f64; the device has no double precision (fp64)");
  assert_int_equal(closs_loss_supported(NULL, &options, NULL), CLOSS_OK);
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  assert_int_equal(closs_loss_supported(context, &options, NULL), CLOSS_OK);
  closs_device_class device_class = CLOSS_CLASS_EXACT;
  assert_int_equal(closs_context_probe(NULL, &device_class, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "context: NULL, expected a context");
  closs_context_destroy(context);
}

static struct {
  int lines;
  closs_log_level level;
  char text[2000];
} logged;

static void log_line(void *user, closs_log_level level, const char *line) {
  assert_ptr_equal(user, &logged);
  logged.lines++;
  logged.level = level;
  (void)snprintf(logged.text, sizeof logged.text, "%s", line);
}

static void log_lines(void **state) {
  (void)state;
  char text[1501];
  memset(text, 't', 1500);
  text[1500] = '\0';
  closs_context_options options = usual();
  closs_context *context = created(); /* without a log: nothing happens */
  closs_log(context, CLOSS_LOG_WARNING, "unheard");
  closs_context_destroy(context);
  options.log = log_line;
  options.log_user = &logged;
  assert_int_equal(closs_context_create(opencl_context, device, &options, &context, NULL), CLOSS_OK);
  logged.lines = 0;
  closs_log(context, CLOSS_LOG_INFO, "%d %s", 7, "lines");
  assert_string_equal(logged.text, "7 lines");
  assert_int_equal(logged.level, CLOSS_LOG_INFO);
  closs_log(context, CLOSS_LOG_WARNING, "%s", text);
  assert_string_equal(logged.text, text);
  assert_int_equal(logged.level, CLOSS_LOG_WARNING);
  fake.failing_allocation = fake.allocations + 1; /* without memory, the beginning */
  closs_log(context, CLOSS_LOG_WARNING, "%s", text);
  assert_int_equal(strlen(logged.text), 511);
  assert_int_equal(logged.lines, 3);
  closs_context_destroy(context);
  nothing_is_left();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(capabilities, set_up),        cmocka_unit_test_setup(optional_types, set_up),
      cmocka_unit_test_setup(device_types, set_up),        cmocka_unit_test_setup(long_names, set_up),
      cmocka_unit_test_setup(wrong_arguments, set_up),     cmocka_unit_test_setup(wrong_tables, set_up),
      cmocka_unit_test_setup(memory_by_address, set_up),   cmocka_unit_test_setup(failing_calls, set_up),
      cmocka_unit_test_setup(failing_allocations, set_up), cmocka_unit_test_setup(questions, set_up),
      cmocka_unit_test_setup(log_lines, set_up),
  };
  return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
