#ifdef TEST_CALLS_INTERPOSE
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#endif
#include "calls.h"

#include <string.h>

#include "device.h"
#include "harness.h"

static test_calls calls;

const char *const test_call_names[TEST_CALLS] = {
#define NAME(name) "cl" #name,
    CLOSS_OPENCL_FUNCTIONS(NAME) TEST_OTHER_CALLS(NAME)
#undef NAME
};

#ifdef TEST_CALLS_INTERPOSE
#define COUNTED(name) cl##name
#define LINKAGE
#define REAL(name) real_##name
#define BEHIND(name) static __typeof__(&cl##name) real_##name;
CLOSS_OPENCL_FUNCTIONS(BEHIND)
TEST_OTHER_CALLS(BEHIND)

/* Finds the functions that these are in front of. */
__attribute__((constructor)) static void find_behind(void) {
  void *found;
#define FIND(name)                                                                                                     \
  found = dlsym(RTLD_NEXT, "cl" #name);                                                                                \
  if (!found) abort(); /* the loader is not of OpenCL 1.2 */                                                           \
  memcpy(&real_##name, &found, sizeof found);
  CLOSS_OPENCL_FUNCTIONS(FIND)
  TEST_OTHER_CALLS(FIND)
}
#else
#define COUNTED(name) counted_##name
#define LINKAGE static
#define REAL(name) cl##name
#endif

/* Whether this call is to fail. */
static bool fails(enum test_call call) {
  if (calls.paused) return false;
  if (calls.total < TEST_CALLS_TRACED - 1) calls.trace[calls.total + 1] = (unsigned char)call;
  if (++calls.total == calls.fail_at) {
    calls.failed = call;
    return true;
  }
  ++calls.made[call];
  return false;
}

static void count_event(cl_int code, const cl_event *event) {
  if (code != CL_SUCCESS || !event || calls.paused) return;
  if (calls.events < TEST_CALLS_EVENTS && clRetainEvent(*event) == CL_SUCCESS) calls.given[calls.events] = *event;
  ++calls.events;
}

/* A function that gives a status. */
#define STATUS(name, parameters, arguments)                                                                            \
  LINKAGE cl_int CL_API_CALL COUNTED(name) parameters {                                                                \
    return fails(TEST_CALL_##name) ? calls.code : REAL(name) arguments;                                                \
  }

/* A function that gives an object, and a status in `code`. */
#define OBJECT(name, type, parameters, arguments)                                                                      \
  LINKAGE type CL_API_CALL COUNTED(name) parameters {                                                                  \
    if (!fails(TEST_CALL_##name)) return REAL(name) arguments;                                                         \
    if (code) *code = calls.code;                                                                                      \
    return NULL;                                                                                                       \
  }

/* A command, which may give an event as `event`. */
#define COMMAND(name, parameters, arguments)                                                                           \
  LINKAGE cl_int CL_API_CALL COUNTED(name) parameters {                                                                \
    const cl_int code = fails(TEST_CALL_##name) ? calls.code : REAL(name) arguments;                                   \
    count_event(code, event);                                                                                          \
    return code;                                                                                                       \
  }

/* A release: where it is to fail it says so, and releases all the same, so that balances can be drawn. */
#define RELEASE(name, type)                                                                                            \
  LINKAGE cl_int CL_API_CALL COUNTED(name)(type object) {                                                              \
    const bool failed = fails(TEST_CALL_##name);                                                                       \
    calls.made[TEST_CALL_##name] += failed;                                                                            \
    const cl_int code = REAL(name)(object);                                                                            \
    return failed ? calls.code : code;                                                                                 \
  }

STATUS(GetPlatformInfo, (cl_platform_id a, cl_platform_info b, size_t c, void *d, size_t *e), (a, b, c, d, e))
STATUS(GetContextInfo, (cl_context a, cl_context_info b, size_t c, void *d, size_t *e), (a, b, c, d, e))
STATUS(GetCommandQueueInfo, (cl_command_queue a, cl_command_queue_info b, size_t c, void *d, size_t *e),
       (a, b, c, d, e))
STATUS(GetMemObjectInfo, (cl_mem a, cl_mem_info b, size_t c, void *d, size_t *e), (a, b, c, d, e))
STATUS(GetProgramInfo, (cl_program a, cl_program_info b, size_t c, void *d, size_t *e), (a, b, c, d, e))
STATUS(GetProgramBuildInfo, (cl_program a, cl_device_id b, cl_program_build_info c, size_t d, void *e, size_t *f),
       (a, b, c, d, e, f))
STATUS(RetainContext, (cl_context a), (a))
STATUS(RetainDevice, (cl_device_id a), (a))
STATUS(Finish, (cl_command_queue a), (a))
OBJECT(CreateCommandQueue, cl_command_queue,
       (cl_context a, cl_device_id b, cl_command_queue_properties c, cl_int *code), (a, b, c, code))
OBJECT(CreateBuffer, cl_mem, (cl_context a, cl_mem_flags b, size_t c, void *d, cl_int *code), (a, b, c, d, code))
OBJECT(CreateProgramWithSource, cl_program, (cl_context a, cl_uint b, const char **c, const size_t *d, cl_int *code),
       (a, b, c, d, code))
OBJECT(CreateProgramWithBinary, cl_program,
       (cl_context a, cl_uint b, const cl_device_id *c, const size_t *d, const unsigned char **e, cl_int *f,
        cl_int *code),
       (a, b, c, d, e, f, code))
OBJECT(CreateKernel, cl_kernel, (cl_program a, const char *b, cl_int *code), (a, b, code))
COMMAND(EnqueueNDRangeKernel,
        (cl_command_queue a, cl_kernel b, cl_uint c, const size_t *d, const size_t *e, const size_t *f, cl_uint g,
         const cl_event *h, cl_event *event),
        (a, b, c, d, e, f, g, h, event))
COMMAND(EnqueueFillBuffer,
        (cl_command_queue a, cl_mem b, const void *c, size_t d, size_t e, size_t f, cl_uint g, const cl_event *h,
         cl_event *event),
        (a, b, c, d, e, f, g, h, event))
COMMAND(EnqueueReadBuffer,
        (cl_command_queue a, cl_mem b, cl_bool c, size_t d, size_t e, void *f, cl_uint g, const cl_event *h,
         cl_event *event),
        (a, b, c, d, e, f, g, h, event))
COMMAND(EnqueueMarkerWithWaitList, (cl_command_queue a, cl_uint b, const cl_event *c, cl_event *event),
        (a, b, c, event))
RELEASE(ReleaseContext, cl_context)
RELEASE(ReleaseDevice, cl_device_id)
RELEASE(ReleaseCommandQueue, cl_command_queue)
RELEASE(ReleaseMemObject, cl_mem)
RELEASE(ReleaseProgram, cl_program)
RELEASE(ReleaseKernel, cl_kernel)
RELEASE(ReleaseEvent, cl_event)

LINKAGE cl_int CL_API_CALL COUNTED(BuildProgram)(cl_program a, cl_uint b, const cl_device_id *c, const char *d,
                                                 void(CL_CALLBACK *e)(cl_program, void *), void *f) {
  if (fails(TEST_CALL_BuildProgram)) return calls.code;
  return calls.refuses ? CL_BUILD_PROGRAM_FAILURE : REAL(BuildProgram)(a, b, c, d, e, f);
}

LINKAGE cl_int CL_API_CALL COUNTED(GetDeviceInfo)(cl_device_id a, cl_device_info b, size_t c, void *d, size_t *e) {
  if (!fails(TEST_CALL_GetDeviceInfo)) return REAL(GetDeviceInfo)(a, b, c, d, e);
  calls.question = b;
  return calls.code;
}

LINKAGE cl_int CL_API_CALL COUNTED(SetKernelArg)(cl_kernel a, cl_uint b, size_t c, const void *d) {
  if (!fails(TEST_CALL_SetKernelArg)) return REAL(SetKernelArg)(a, b, c, d);
  calls.argument = b;
  return calls.code;
}

LINKAGE void *CL_API_CALL COUNTED(EnqueueMapBuffer)(cl_command_queue a, cl_mem b, cl_bool c, cl_map_flags d, size_t e,
                                                    size_t f, cl_uint g, const cl_event *h, cl_event *event,
                                                    cl_int *code) {
  cl_int result = calls.code;
  void *mapped =
      fails(TEST_CALL_EnqueueMapBuffer) ? NULL : REAL(EnqueueMapBuffer)(a, b, c, d, e, f, g, h, event, &result);
  count_event(result, event);
  if (code) *code = result;
  return mapped;
}

/* Counted as made even where it fails: more than try it nobody can. */
LINKAGE cl_int CL_API_CALL COUNTED(EnqueueUnmapMemObject)(cl_command_queue a, cl_mem b, void *c, cl_uint d,
                                                          const cl_event *e, cl_event *event) {
  const bool failed = fails(TEST_CALL_EnqueueUnmapMemObject);
  const cl_int code = failed ? calls.code : REAL(EnqueueUnmapMemObject)(a, b, c, d, e, event);
  calls.made[TEST_CALL_EnqueueUnmapMemObject] += failed;
  count_event(code, event);
  return code;
}

#ifdef TEST_CALLS_INTERPOSE
STATUS(GetPlatformIDs, (cl_uint a, cl_platform_id *b, cl_uint *c), (a, b, c))
STATUS(GetDeviceIDs, (cl_platform_id a, cl_device_type b, cl_uint c, cl_device_id *d, cl_uint *e), (a, b, c, d, e))
STATUS(GetKernelWorkGroupInfo, (cl_kernel a, cl_device_id b, cl_kernel_work_group_info c, size_t d, void *e, size_t *f),
       (a, b, c, d, e, f))
STATUS(WaitForEvents, (cl_uint a, const cl_event *b), (a, b))
STATUS(Flush, (cl_command_queue a), (a))
OBJECT(CreateContext, cl_context,
       (const cl_context_properties *a, cl_uint b, const cl_device_id *c,
        void(CL_CALLBACK *d)(const char *, const void *, size_t, void *), void *e, cl_int *code),
       (a, b, c, d, e, code))
COMMAND(EnqueueWriteBuffer,
        (cl_command_queue a, cl_mem b, cl_bool c, size_t d, size_t e, const void *f, cl_uint g, const cl_event *h,
         cl_event *event),
        (a, b, c, d, e, f, g, h, event))
COMMAND(EnqueueCopyBuffer,
        (cl_command_queue a, cl_mem b, cl_mem c, size_t d, size_t e, size_t f, cl_uint g, const cl_event *h,
         cl_event *event),
        (a, b, c, d, e, f, g, h, event))
#endif

/* Waits for them, and lets them go. */
static void check_events(test_calls *c) {
  for (unsigned i = 0; i < c->events && i < TEST_CALLS_EVENTS; ++i) {
    cl_int status = CL_QUEUED;
    if (!c->given[i]) continue;
    test_cl(REAL(WaitForEvents)(1, &c->given[i]), "clWaitForEvents");
    test_cl(clGetEventInfo(c->given[i], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL),
            "clGetEventInfo");
    assert_int_equal(status, CL_COMPLETE);
    REAL(ReleaseEvent)(c->given[i]);
    c->given[i] = NULL;
  }
}

const closs_opencl *test_calls_start(test_calls **out) {
#define ENTRY(name) COUNTED(name),
#define NONE(name, type) NULL,
  static const closs_opencl table = {sizeof table, CLOSS_OPENCL_FUNCTIONS(ENTRY) CLOSS_OPENCL_OPTIONAL_FUNCTIONS(NONE)};
#undef ENTRY
#undef NONE
  memset(&calls, 0, sizeof calls);
  test_calls_again(0, CL_OUT_OF_RESOURCES);
  *out = &calls;
  return &table;
}

void test_calls_again(unsigned fail_at, cl_int code) {
  check_events(&calls);
  calls.total = 0;
  calls.fail_at = fail_at;
  calls.code = code;
  calls.failed = TEST_CALLS;
}

bool test_calls_release(enum test_call call) {
  return strncmp(test_call_names[call], "clRelease", 9) == 0;
}

bool test_calls_optional(const test_calls *c) {
  const cl_device_info svm_capabilities = 0x1053; /* of OpenCL 2.0 */
  return c->failed == TEST_CALL_GetDeviceInfo &&
         (c->question == CL_DEVICE_DOUBLE_FP_CONFIG || c->question == svm_capabilities);
}

static void check_released(const test_calls *c, const char *what, unsigned made, enum test_call release) {
  if (made != c->made[release])
    fail_msg("%s: %u objects, and %u times %s", what, made, c->made[release], test_call_names[release]);
}

void test_calls_balance(test_calls *c, unsigned events, const char *what) {
  const unsigned *made = c->made;
  check_released(c, what, made[TEST_CALL_RetainContext] + made[TEST_CALL_CreateContext], TEST_CALL_ReleaseContext);
  check_released(c, what, made[TEST_CALL_RetainDevice], TEST_CALL_ReleaseDevice);
  check_released(c, what, made[TEST_CALL_CreateCommandQueue], TEST_CALL_ReleaseCommandQueue);
  check_released(c, what, made[TEST_CALL_CreateBuffer], TEST_CALL_ReleaseMemObject);
  check_released(c, what, made[TEST_CALL_CreateProgramWithSource] + made[TEST_CALL_CreateProgramWithBinary],
                 TEST_CALL_ReleaseProgram);
  check_released(c, what, made[TEST_CALL_CreateKernel], TEST_CALL_ReleaseKernel);
  check_released(c, what, made[TEST_CALL_EnqueueMapBuffer], TEST_CALL_EnqueueUnmapMemObject);
  check_released(c, what, c->events - events, TEST_CALL_ReleaseEvent);
  check_events(c);
}
