/* closs bench: the device's own speed at reading and copying, by kernels that do nothing else. */
#include "bench.h"

/* A work-item takes the words [id * span, id * span + reach) that there are, each `stride` behind the other. Streaming
 * stores are what losses use on large arrays, where the compiler has them. */
static const char source[] = "#if defined(__has_builtin)\n"
                             "#if __has_builtin(__builtin_nontemporal_store)\n"
                             "#define STREAM(at, value) __builtin_nontemporal_store(value, at)\n"
                             "#endif\n"
                             "#endif\n"
                             "#ifndef STREAM\n"
                             "#define STREAM(at, value) *(at) = (value)\n"
                             "#endif\n"
                             "#define STORE(at, value) *(at) = (value)\n"
                             "#define WORDS                                                              \\\n"
                             "  uint first = (uint)get_global_id(0) * span;                              \\\n"
                             "  uint end = words - min(words, first) < reach ? words : first + reach;    \\\n"
                             "  for (uint i = first; i < end; i += stride)\n"
                             "#define READ(name, word)                                                   \\\n"
                             "  __kernel void name(__global const word *x, __global const word *y,       \\\n"
                             "                     __global word *sums, uint span, uint reach,           \\\n"
                             "                     uint stride, uint words) {                            \\\n"
                             "    word sum = 0;                                                          \\\n"
                             "    WORDS sum += x[i] ^ y[i];                                              \\\n"
                             "    sums[get_global_id(0)] = sum;                                          \\\n"
                             "  }\n"
                             "#define COPY(name, word, store)                                            \\\n"
                             "  __kernel void name(__global const word *x, __global const word *y,       \\\n"
                             "                     __global word *u, __global word *v, uint span,        \\\n"
                             "                     uint reach, uint stride, uint words) {                \\\n"
                             "    WORDS {                                                                \\\n"
                             "      store(u + i, x[i]);                                                  \\\n"
                             "      store(v + i, y[i]);                                                  \\\n"
                             "    }                                                                      \\\n"
                             "  }\n"
                             "READ(read_wide, uint16)\n"
                             "READ(read_narrow, uint4)\n"
                             "COPY(copy_wide, uint16, STORE)\n"
                             "COPY(copy_narrow, uint4, STORE)\n"
                             "COPY(stream_wide, uint16, STREAM)\n";

enum { WIDE = 64, NARROW = 16 };

/* groups 0: one work-group, for arrays that are not worth more. */
static const struct {
  enum bench_yardstick yardstick;
  const char *name;
  unsigned word;
  size_t groups_per_unit, local;
  bool interleaved;
} ways[] = {
    {BENCH_READ, "read_wide", WIDE, 0, 1, false},      {BENCH_READ, "read_wide", WIDE, 4, 1, false},
    {BENCH_READ, "read_narrow", NARROW, 8, 256, true}, {BENCH_COPY, "copy_wide", WIDE, 0, 1, false},
    {BENCH_COPY, "copy_wide", WIDE, 4, 1, false},      {BENCH_COPY, "copy_narrow", NARROW, 8, 256, true},
    {BENCH_COPY, "stream_wide", WIDE, 4, 1, false},
};

bool bench_yardsticks_make(struct bench_device *bench, struct failure *failure) {
  const char *text = source;
  cl_uint units = 1;
  size_t largest = 1, sums = WIDE;
  const cl_device_id id = bench->device->id;
  cl_int code;
  if (!device_ask(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, failure) ||
      !device_ask(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof largest, &largest, failure))
    return false;
  bench->program = clCreateProgramWithSource(bench->device->opencl, 1, &text, NULL, &code);
  if (bench->program == NULL) return failure_set_opencl(failure, "clCreateProgramWithSource", code);
  code = clBuildProgram(bench->program, 1, &id, "-cl-std=CL1.2", NULL, NULL);
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clBuildProgram of the bandwidth kernels", code);
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    if (ways[i].local > largest) continue;
    size_t *count = &bench->kernel_count[ways[i].yardstick];
    struct bench_kernel *kernel = &bench->kernels[ways[i].yardstick][(*count)++];
    size_t groups = ways[i].groups_per_unit == 0 ? 1 : ways[i].groups_per_unit * units;
    *kernel = (struct bench_kernel){clCreateKernel(bench->program, ways[i].name, &code), groups, ways[i].local,
                                    ways[i].word, ways[i].interleaved};
    if (kernel->kernel == NULL) return failure_set_opencl(failure, "clCreateKernel", code);
    size_t bytes = groups * ways[i].local * ways[i].word;
    sums = bytes > sums ? bytes : sums;
  }
  bench->sums = clCreateBuffer(bench->device->opencl, CL_MEM_READ_WRITE, sums, NULL, &code);
  return bench->sums != NULL || failure_set_opencl(failure, "clCreateBuffer", code);
}

bool bench_yardstick_run(struct bench_device *bench, enum bench_yardstick yardstick, const struct bench_kernel *kernel,
                         uint64_t bytes, struct failure *failure) {
  size_t items = kernel->groups * kernel->local;
  cl_uint words = (cl_uint)((bytes + kernel->word - 1) / kernel->word);
  cl_uint each = (cl_uint)((words + items - 1) / items);
  const cl_uint numbers[] = {kernel->interleaved ? 1 : each, kernel->interleaved ? words : each,
                             kernel->interleaved ? (cl_uint)items : 1, words};
  cl_uint index = 0;
  cl_int code = CL_SUCCESS;
  const char *call = "clSetKernelArg";
  const cl_mem *memory[] = {&bench->arrays[BENCH_INPUT], &bench->arrays[BENCH_TARGET],
                            yardstick == BENCH_READ ? &bench->sums : &bench->arrays[BENCH_INPUT_GRADIENT],
                            &bench->arrays[BENCH_TARGET_GRADIENT]};
  for (; index < (yardstick == BENCH_READ ? 3u : 4u) && code == CL_SUCCESS; index++)
    code = clSetKernelArg(kernel->kernel, index, sizeof(cl_mem), memory[index]);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && code == CL_SUCCESS; i++)
    code = clSetKernelArg(kernel->kernel, index++, sizeof numbers[i], &numbers[i]);
  if (code == CL_SUCCESS) {
    call = "clEnqueueNDRangeKernel";
    code = clEnqueueNDRangeKernel(bench->queue, kernel->kernel, 1, NULL, &items, &kernel->local, 0, NULL, NULL);
  }
  if (code == CL_SUCCESS) {
    call = "clFinish";
    code = clFinish(bench->queue);
  }
  return code == CL_SUCCESS || failure_set_opencl(failure, call, code);
}
