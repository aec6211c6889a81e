#include "contenders.h"

#include <closs/closs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef WITH_CLBLAST
#include <clblast_c.h>
#endif

#include "device.h"

enum { ROW = 4096, LEFT_OUT = 64, MOST_BUFFERS = 8 };

struct contender {
  int (*run)(contender *c);
  closs_plan *plan;
  closs_buffers buffers;
  cl_kernel kernels[2];
  size_t global[2];
  uint64_t elements;
  double scale;      /* the result is what is stored times this */
  closs_dtype dtype; /* of what is stored */
  cl_mem result;
  cl_mem memory[MOST_BUFFERS];
  size_t memory_count;
  float *copy;
};

static struct {
  cl_context context;
  cl_device_id device;
  cl_command_queue queue;
  cl_program program;
  closs_context *closs;
  char name[256];
} here;

static int fail(const char *what, cl_int code) {
  fprintf(stderr, "bench: %s: %s\n", what, closs_opencl_error_name(code));
  return -1;
}

/* A work-item sums whole chunks of 64 lanes, as closs's schedule lanes does, without compensation; the lanes of each
 * chunk are merged, and a second launch adds what the work-items left. */
static const char source[] =
    "typedef float16 near __attribute__((aligned(4)));\n"
    "__kernel void empty(__global float *p) {}\n"
    "__kernel void lanes(__global const float *x, __global const float *y, __global float *sums, uint chunks,\n"
    "                    uint share) {\n"
    "  uint first = (uint)get_global_id(0) * share, end = min(first + share, chunks);\n"
    "  float sum = 0;\n"
    "  for (uint chunk = first; chunk < end; chunk++) {\n"
    "    float16 a = 0, b = 0, c = 0, d = 0;\n"
    "    for (uint i = chunk * 4096; i < (chunk + 1) * 4096; i += 64) {\n"
    "      a += fabs(*(__global const near *)(x + i) - *(__global const near *)(y + i));\n"
    "      b += fabs(*(__global const near *)(x + i + 16) - *(__global const near *)(y + i + 16));\n"
    "      c += fabs(*(__global const near *)(x + i + 32) - *(__global const near *)(y + i + 32));\n"
    "      d += fabs(*(__global const near *)(x + i + 48) - *(__global const near *)(y + i + 48));\n"
    "    }\n"
    "    float16 all = (a + b) + (c + d);\n"
    "    float8 h = all.lo + all.hi;\n"
    "    float4 q = h.lo + h.hi;\n"
    "    sum += (q.x + q.y) + (q.z + q.w);\n"
    "  }\n"
    "  sums[1 + get_global_id(0)] = sum;\n"
    "}\n"
    "__kernel void total(__global float *sums, uint count) {\n"
    "  float sum = 0;\n"
    "  for (uint i = 0; i < count; i++) sum += sums[1 + i];\n"
    "  sums[0] = sum;\n"
    "}\n";

int contenders_open(void) {
  cl_int code;
  closs_error error;
  const char *text = source;
  code = bench_device(&here.device);
  if (code != CL_SUCCESS) {
    return fail("no device", code);
  }
  clGetDeviceInfo(here.device, CL_DEVICE_NAME, sizeof here.name, here.name, NULL);
  here.context = clCreateContext(NULL, 1, &here.device, NULL, NULL, &code);
  if (here.context == NULL) {
    return fail("clCreateContext", code);
  }
  here.queue = clCreateCommandQueue(here.context, here.device, 0, &code);
  here.program = here.queue == NULL ? NULL : clCreateProgramWithSource(here.context, 1, &text, NULL, &code);
  if (here.program != NULL) {
    code = clBuildProgram(here.program, 1, &here.device, "-cl-std=CL1.2", NULL, NULL);
  }
  if (code != CL_SUCCESS) {
    return fail("clBuildProgram", code);
  }
  if (closs_context_create(here.context, here.device, NULL, &here.closs, &error) != CLOSS_OK) {
    fprintf(stderr, "bench: %s\n", error.text);
    return -1;
  }
  return 0;
}

const char *contenders_device(void) {
  return here.name;
}

void *contenders_device_id(void) {
  return here.device;
}

/* NULL gives NULL; host memory is used where it is. */
static cl_mem buffer(contender *c, void *host, uint64_t bytes) {
  cl_int code;
  cl_mem memory = clCreateBuffer(here.context, host != NULL ? CL_MEM_USE_HOST_PTR : CL_MEM_READ_WRITE,
                                 bytes > 16 ? (size_t)bytes : 16, host, &code);
  if (memory == NULL) {
    fail("clCreateBuffer", code);
  } else {
    c->memory[c->memory_count++] = memory;
  }
  return memory;
}

static contender *make(int (*run)(contender *), uint64_t elements, double scale, closs_dtype dtype) {
  contender *c = calloc(1, sizeof *c);
  if (c != NULL) {
    c->run = run;
    c->elements = elements;
    c->scale = scale;
    c->dtype = dtype;
  }
  return c;
}

static contender *made(contender *c, int good) {
  if (!good) {
    contender_free(c);
    return NULL;
  }
  return c;
}

/* ---- closs ---- */

static int run_closs(contender *c) {
  closs_error error;
  if (closs_enqueue(c->plan, here.queue, &c->buffers, 0, NULL, NULL, &error) != CLOSS_OK) {
    fprintf(stderr, "bench: %s\n", error.text);
    return -1;
  }
  return clFinish(here.queue) == CL_SUCCESS ? 0 : -1;
}

static void lay_out(closs_plan_options *options, closs_dtype dtype, enum contender_layout layout, uint64_t elements,
                    closs_tensor *weight) {
  const uint64_t shape[2] = {elements / ROW, layout == CONTENDER_STRIDED ? ROW - LEFT_OUT : ROW};
  options->input = options->target =
      closs_tensor_contiguous(dtype, layout == CONTENDER_PLAIN ? 1 : 2, layout == CONTENDER_PLAIN ? &elements : shape);
  if (layout == CONTENDER_WEIGHTED) {
    *weight = options->input;
    options->weight = weight;
    options->mean_over = CLOSS_MEAN_OVER_COUNT;
  } else if (layout == CONTENDER_BROADCAST) {
    options->target = closs_tensor_contiguous(dtype, 1, shape + 1);
  } else if (layout == CONTENDER_STRIDED) {
    options->input.strides[0] = options->target.strides[0] = ROW;
  } else if (layout == CONTENDER_TRANSPOSED) {
    options->input.strides[0] = 1;
    options->input.strides[1] = (int64_t)shape[0];
  }
}

contender *contender_closs(const char *loss, int dtype, unsigned outputs, int layout, uint64_t elements, void *x,
                           void *y, void *weights, void *dx, void *dy) {
  contender *c = make(run_closs, elements, 1, (closs_dtype)dtype);
  const closs_loss_info *info = closs_loss_by_name(loss);
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  const closs_buffers none = CLOSS_BUFFERS_INIT;
  closs_tensor weight;
  closs_error error;
  if (c == NULL || info == NULL) {
    return made(c, 0);
  }
  uint64_t bytes = elements * closs_dtype_size((closs_dtype)dtype);
  options.loss = info->loss;
  options.outputs = outputs;
  lay_out(&options, (closs_dtype)dtype, (enum contender_layout)layout, elements, &weight);
  if (closs_plan_create(here.closs, &options, &c->plan, &error) != CLOSS_OK ||
      closs_plan_prepare(c->plan, &error) != CLOSS_OK) {
    fprintf(stderr, "bench: %s\n", error.text);
    return made(c, 0);
  }
  c->buffers = none;
  c->buffers.input.memory = buffer(c, x, bytes);
  c->buffers.target.memory = buffer(c, y, bytes);
  c->buffers.weight.memory = weights != NULL ? buffer(c, weights, bytes) : NULL;
  c->buffers.input_gradient.memory = dx != NULL ? buffer(c, dx, bytes) : NULL;
  c->buffers.target_gradient.memory = dy != NULL ? buffer(c, dy, bytes) : NULL;
  c->buffers.loss.memory = c->result = buffer(c, NULL, sizeof(float));
  c->buffers.workspace.memory = buffer(c, NULL, closs_plan_workspace(c->plan));
  return made(c, c->buffers.input.memory != NULL && c->buffers.target.memory != NULL && c->result != NULL &&
                     c->buffers.workspace.memory != NULL);
}

/* ---- kernels ---- */

static int run_kernels(contender *c) {
  for (int i = 0; i < 2 && c->kernels[i] != NULL; i++) {
    const size_t local = 1;
    cl_int code = clEnqueueNDRangeKernel(here.queue, c->kernels[i], 1, NULL, &c->global[i], &local, 0, NULL, NULL);
    if (code != CL_SUCCESS) {
      return fail("clEnqueueNDRangeKernel", code);
    }
  }
  return clFinish(here.queue) == CL_SUCCESS ? 0 : -1;
}

contender *contender_empty(void) {
  contender *c = make(run_kernels, 0, 0, CLOSS_F32);
  cl_int code;
  if (c == NULL) {
    return NULL;
  }
  c->global[0] = 1;
  c->kernels[0] = clCreateKernel(here.program, "empty", &code);
  c->result = buffer(c, NULL, sizeof(float));
  return made(c, c->kernels[0] != NULL && clSetKernelArg(c->kernels[0], 0, sizeof c->result, &c->result) == 0);
}

contender *contender_uncompensated(uint64_t elements, float *x, float *y) {
  contender *c = make(run_kernels, elements, 1 / (double)elements, CLOSS_F32);
  cl_int code;
  cl_uint chunks = (cl_uint)(elements / 4096), share = (chunks + 511) / 512;
  cl_uint items = share > 0 ? (chunks + share - 1) / share : 0;
  if (c == NULL || elements % 4096 != 0) {
    return made(c, 0);
  }
  cl_mem input = buffer(c, x, elements * sizeof *x), target = buffer(c, y, elements * sizeof *y);
  c->result = buffer(c, NULL, (1 + items) * sizeof(float));
  c->global[0] = items;
  c->global[1] = 1;
  c->kernels[0] = clCreateKernel(here.program, "lanes", &code);
  c->kernels[1] = clCreateKernel(here.program, "total", &code);
  if (c->kernels[0] == NULL || c->kernels[1] == NULL || c->result == NULL) {
    return made(c, 0);
  }
  code = clSetKernelArg(c->kernels[0], 0, sizeof input, &input);
  code |= clSetKernelArg(c->kernels[0], 1, sizeof target, &target);
  code |= clSetKernelArg(c->kernels[0], 2, sizeof c->result, &c->result);
  code |= clSetKernelArg(c->kernels[0], 3, sizeof chunks, &chunks);
  code |= clSetKernelArg(c->kernels[0], 4, sizeof share, &share);
  code |= clSetKernelArg(c->kernels[1], 0, sizeof c->result, &c->result);
  code |= clSetKernelArg(c->kernels[1], 1, sizeof items, &items);
  return made(c, code == CL_SUCCESS);
}

/* ---- CLBlast ---- */

#ifdef WITH_CLBLAST
static int run_clblast(contender *c) {
  cl_mem difference = c->memory[0], target = c->memory[1];
  if (CLBlastSaxpy((size_t)c->elements, -1, target, 0, 1, difference, 0, 1, &here.queue, NULL) != CLBlastSuccess ||
      CLBlastSasum((size_t)c->elements, c->result, 0, difference, 0, 1, &here.queue, NULL) != CLBlastSuccess) {
    fprintf(stderr, "bench: CLBlast failed\n");
    return -1;
  }
  return clFinish(here.queue) == CL_SUCCESS ? 0 : -1;
}

contender *contender_clblast(uint64_t elements, float *x, float *y) {
  contender *c = make(run_clblast, elements, 1 / (double)elements, CLOSS_F32);
  size_t bytes = (size_t)elements * sizeof *x;
  if (c == NULL) {
    return NULL;
  }
  c->copy = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (c->copy == NULL) {
    return made(c, 0);
  }
  memcpy(c->copy, x, bytes);
  cl_mem difference = buffer(c, c->copy, bytes), target = buffer(c, y, bytes);
  c->result = buffer(c, NULL, sizeof(float));
  return made(c, difference != NULL && target != NULL && c->result != NULL);
}
#else
contender *contender_clblast(uint64_t elements, float *x, float *y) {
  (void)elements, (void)x, (void)y;
  return NULL;
}
#endif

/* ---- all ---- */

int contender_run(contender *c) {
  return c->run(c);
}

double contender_result(contender *c) {
  unsigned char stored[4];
  float value = 0;
  size_t size = closs_dtype_size(c->dtype);
  cl_int code = clEnqueueReadBuffer(here.queue, c->result, CL_TRUE, 0, size, stored, 0, NULL, NULL);
  if (code != CL_SUCCESS) {
    return fail("clEnqueueReadBuffer", code);
  }
  closs_convert(CLOSS_F32, &value, c->dtype, stored, 1, NULL);
  return value * c->scale;
}

void contender_free(contender *c) {
  if (c == NULL) {
    return;
  }
  closs_plan_destroy(c->plan);
  for (int i = 0; i < 2; i++) {
    if (c->kernels[i] != NULL) {
      clReleaseKernel(c->kernels[i]);
    }
  }
  for (size_t i = 0; i < c->memory_count; i++) {
    clReleaseMemObject(c->memory[i]);
  }
  free(c->copy);
  free(c);
}
