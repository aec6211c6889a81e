#include "lesser.h"

#include <string.h>

#include "harness.h"

enum { MOST_BUFFERS = 64, MOST_KERNELS = 32, MOST_ARGUMENTS = 64 };

static struct {
  test_lesser is;
  struct {
    cl_mem handle;
    size_t bytes;
  } buffers[MOST_BUFFERS];
  struct {
    cl_kernel handle;
    size_t bytes[MOST_ARGUMENTS];
  } kernels[MOST_KERNELS];
  size_t memory, most_memory;
  cl_program from_source; /* the last */
} state;

/* ---- what it tells ---- */

static cl_int answer(const void *value, size_t bytes, size_t size, void *place, size_t *needed) {
  if (needed) *needed = bytes;
  if (place && size < bytes) return CL_INVALID_VALUE;
  if (place) memcpy(place, value, bytes);
  return CL_SUCCESS;
}

static void blank(char *list, const char *word) {
  for (char *at = list; (at = strstr(at, word)); at += strlen(word))
    memset(at, ' ', strlen(word));
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info info, size_t size, void *place,
                                          size_t *needed) {
  static const char embedded[] = "EMBEDDED_PROFILE";
  const cl_bool no = CL_FALSE;
  const cl_device_fp_config no_double = 0;
  const cl_ulong quarter = state.is.global_memory / 4;
  const struct {
    bool lacks;
    cl_device_info info;
    const void *value;
    size_t bytes;
  } answers[] = {
      {state.is.type != 0, CL_DEVICE_TYPE, &state.is.type, sizeof state.is.type},
      {state.is.no_compiler, CL_DEVICE_COMPILER_AVAILABLE, &no, sizeof no},
      {state.is.no_fp64, CL_DEVICE_DOUBLE_FP_CONFIG, &no_double, sizeof no_double},
      {state.is.no_int64, CL_DEVICE_PROFILE, embedded, sizeof embedded},
      {state.is.work_group != 0, CL_DEVICE_MAX_WORK_GROUP_SIZE, &state.is.work_group, sizeof state.is.work_group},
      {state.is.argument_bytes != 0, CL_DEVICE_MAX_PARAMETER_SIZE, &state.is.argument_bytes, sizeof(size_t)},
      {state.is.address_bits != 0, CL_DEVICE_ADDRESS_BITS, &state.is.address_bits, sizeof state.is.address_bits},
      {state.is.local_memory != 0, CL_DEVICE_LOCAL_MEM_SIZE, &state.is.local_memory, sizeof state.is.local_memory},
      {state.is.global_memory != 0, CL_DEVICE_GLOBAL_MEM_SIZE, &state.is.global_memory, sizeof(cl_ulong)},
      {state.is.global_memory != 0, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &quarter, sizeof quarter},
  };
  for (size_t i = 0; i < TEST_COUNT(answers); ++i)
    if (answers[i].lacks && answers[i].info == info)
      return answer(answers[i].value, answers[i].bytes, size, place, needed);
  const cl_int code = clGetDeviceInfo(device, info, size, place, needed);
  if (info == CL_DEVICE_EXTENSIONS && code == CL_SUCCESS && place) {
    if (state.is.no_fp64 || state.is.no_int64) blank(place, "cl_khr_fp64");
    if (state.is.no_int64) blank(place, "cles_khr_int64");
  }
  return code;
}

/* ---- what it refuses ---- */

static cl_program CL_API_CALL create_program(cl_context context, cl_uint count, const char **parts, const size_t *sizes,
                                             cl_int *code) {
  const char *texts[64];
  if (state.is.no_compiler) {
    *code = CL_COMPILER_NOT_AVAILABLE;
    return NULL;
  }
  assert_null(sizes);
  assert_in_range(count, 1, TEST_COUNT(texts) - 2);
  texts[0] = state.is.no_fp64 || state.is.no_int64 ? "#define double closs_lacks_double\n" : "\n";
  texts[1] = state.is.no_int64 ? "#define long closs_lacks_long\n#define ulong closs_lacks_ulong\n" : "\n";
  memcpy(texts + 2, parts, count * sizeof *parts);
  return state.from_source = clCreateProgramWithSource(context, count + 2, texts, NULL, code);
}

static cl_int CL_API_CALL build_program(cl_program program, cl_uint count, const cl_device_id *devices,
                                        const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                                        void *user) {
  if (state.is.no_build && program == state.from_source) return CL_COMPILER_NOT_AVAILABLE;
  return clBuildProgram(program, count, devices, options, notify, user);
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                 cl_command_queue_properties properties, cl_int *code) {
  if (!state.is.plain_queues || properties == 0) return clCreateCommandQueue(context, device, properties, code);
  *code = CL_INVALID_QUEUE_PROPERTIES;
  return NULL;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                                        cl_int *code) {
  const cl_ulong whole = state.is.global_memory;
  if (whole && (bytes > whole / 4 || state.memory + bytes > whole)) {
    *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
  }
  cl_mem buffer = clCreateBuffer(context, flags, bytes, host, code);
  if (!buffer) return NULL;
  size_t free_place = 0;
  while (state.buffers[free_place].handle)
    assert_true(++free_place < MOST_BUFFERS);
  state.buffers[free_place].handle = buffer;
  state.buffers[free_place].bytes = bytes;
  state.memory += bytes;
  state.most_memory = state.memory > state.most_memory ? state.memory : state.most_memory;
  return buffer;
}

static cl_int CL_API_CALL release_buffer(cl_mem buffer) {
  for (size_t i = 0; i < MOST_BUFFERS; ++i)
    if (state.buffers[i].handle == buffer) {
      state.memory -= state.buffers[i].bytes;
      state.buffers[i].handle = NULL;
    }
  return clReleaseMemObject(buffer);
}

/* The place of a kernel, or of none where that is NULL. */
static size_t kernel_at(cl_kernel kernel) {
  size_t at = 0;
  while (at < MOST_KERNELS && state.kernels[at].handle != kernel)
    ++at;
  return at;
}

static cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
  size_t at = kernel_at(kernel), bytes = 0;
  if (at == MOST_KERNELS) at = kernel_at(NULL);
  assert_true(at < MOST_KERNELS);
  state.kernels[at].handle = kernel;
  assert_true(index < MOST_ARGUMENTS);
  state.kernels[at].bytes[index] = size;
  for (size_t i = 0; i < MOST_ARGUMENTS; ++i)
    bytes += state.kernels[at].bytes[i];
  if (state.is.argument_bytes && bytes > state.is.argument_bytes) return CL_OUT_OF_RESOURCES;
  return clSetKernelArg(kernel, index, size, value);
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel) {
  const size_t at = kernel_at(kernel);
  if (at < MOST_KERNELS) memset(&state.kernels[at], 0, sizeof state.kernels[at]);
  return clReleaseKernel(kernel);
}

static cl_int CL_API_CALL enqueue(cl_command_queue queue, cl_kernel kernel, cl_uint rank, const size_t *offset,
                                  const size_t *global, const size_t *local, cl_uint count, const cl_event *wait,
                                  cl_event *event) {
  cl_device_id device = NULL;
  cl_ulong bytes = 0;
  cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
  if (!code) code = clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  if (code) return code;
  if (state.is.work_group && local[0] > state.is.work_group) return CL_INVALID_WORK_GROUP_SIZE;
  if (state.is.local_memory && bytes > state.is.local_memory) return CL_OUT_OF_RESOURCES;
  return clEnqueueNDRangeKernel(queue, kernel, rank, offset, global, local, count, wait, event);
}

const closs_opencl *test_lesser_start(const test_lesser *lesser) {
  static closs_opencl table;
  memset(&state, 0, sizeof state);
  state.is = *lesser;
  table = *closs_opencl_loader();
  table.GetDeviceInfo = get_device_info;
  table.CreateProgramWithSource = create_program;
  table.BuildProgram = build_program;
  table.CreateCommandQueue = create_queue;
  table.CreateBuffer = create_buffer;
  table.ReleaseMemObject = release_buffer;
  table.SetKernelArg = set_argument;
  table.ReleaseKernel = release_kernel;
  table.EnqueueNDRangeKernel = enqueue;
  return &table;
}

size_t test_lesser_memory(void) {
  return state.most_memory;
}
