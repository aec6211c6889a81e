/*
 * Times how operands lie against contiguous ones, in one run:
 *
 *     bench_access [LOSS] [log2 of the elements, even] [runs]
 *
 * Matrices of f32, reduction mean: the loss alone, and the loss with the gradients of both operands. Each run times
 * every case once, in turn. The figure is the bytes that the case must move a second, over those of contiguous operands
 * in the same run; medians over the runs. An element of a strided array counts as the bytes between it and the next, up
 * to a line of 64.
 */
#include <closs/closs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../closs/timing.h"
#include "device.h"

#define CASES 10
#define WORKS 2
#define ARRAYS 6
static const char *const work_names[WORKS] = {"loss", "loss, both gradients"};
static const uint32_t work_outputs[WORKS] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT |
                                                                    CLOSS_OUTPUT_TARGET_GRADIENT};

/* How the target lies, or the weight; the input is a contiguous matrix. */
typedef struct layout {
  const char *name;
  closs_dtype dtype;
  bool row, column; /* the dimensions that it has */
  bool transposed;
  int64_t step;
  int weight; /* 0: none; 1: contiguous; 2: one a row; 3: one a column */
} layout;

static const layout layouts[CASES] = {
    {"contiguous", CLOSS_F32, true, true, false, 1, 0},     {"weighted", CLOSS_F32, true, true, false, 1, 1},
    {"weight a row", CLOSS_F32, true, true, false, 1, 2},   {"weight a column", CLOSS_F32, true, true, false, 1, 3},
    {"target [N]", CLOSS_F32, false, true, false, 1, 0},    {"target [M, 1]", CLOSS_F32, true, false, false, 1, 0},
    {"target [1]", CLOSS_F32, false, false, false, 1, 0},   {"target transposed", CLOSS_F32, true, true, true, 1, 0},
    {"target, step 2", CLOSS_F32, true, true, false, 2, 0}, {"target f16", CLOSS_F16, true, true, false, 1, 0},
};

typedef struct bench {
  uint64_t side;
  cl_context context;
  cl_device_id device;
  cl_command_queue queue;
  closs_context *closs;
  cl_mem memory[ARRAYS]; /* input, target, weight, both gradients, loss */
  closs_plan *plans[CASES][WORKS];
  closs_buffers buffers[CASES][WORKS];
} bench;

static void die(const char *what) {
  fprintf(stderr, "bench_access: %s\n", what);
  exit(1);
}

static void check(closs_status status, const closs_error *error) {
  if (status != CLOSS_OK) {
    die(error->text);
  }
}

static cl_mem buffer(const bench *b, size_t bytes) {
  cl_int code;
  cl_mem memory = clCreateBuffer(b->context, CL_MEM_READ_WRITE, bytes > 0 ? bytes : 16, NULL, &code);
  if (code != CL_SUCCESS) {
    die(closs_opencl_error_name(code));
  }
  return memory;
}

/* Random numbers in [-1, 1); as f16 they are other numbers, none infinite. */
static void fill(const bench *b, cl_mem memory, size_t elements, unsigned seed) {
  float *values = malloc((elements + 1) * sizeof *values);
  if (values == NULL) {
    die("no memory for the arrays");
  }
  for (size_t i = 0; i < elements; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
  }
  if (clEnqueueWriteBuffer(b->queue, memory, CL_TRUE, 0, elements * sizeof *values, values, 0, NULL, NULL) !=
      CL_SUCCESS) {
    die("clEnqueueWriteBuffer");
  }
  free(values);
}

static closs_tensor tensor_of(const bench *b, const layout *l) {
  const uint64_t shape[] = {l->row ? b->side : 1, l->column ? b->side : 1};
  closs_tensor tensor = closs_tensor_contiguous(l->dtype, 2, shape);
  if (l->transposed) {
    tensor.strides[0] = 1;
    tensor.strides[1] = (int64_t)b->side;
  }
  tensor.strides[0] *= l->step;
  tensor.strides[1] *= l->step;
  return tensor;
}

static double bytes_of(const closs_tensor *tensor, int64_t step) {
  const double size = (double)closs_dtype_size(tensor->dtype) * (double)step;
  return (double)closs_tensor_elements(tensor) * (size < 64 ? size : 64);
}

static closs_tensor weight_of(const bench *b, int weight) {
  const uint64_t shape[] = {weight == 3 ? 1 : b->side, weight == 2 ? 1 : b->side};
  return closs_tensor_contiguous(CLOSS_F32, 2, shape);
}

/* The bytes that a case must read and write. */
static double bytes(const bench *b, const layout *l, int work) {
  const closs_tensor target = tensor_of(b, l), weight = weight_of(b, l->weight);
  double operands = (double)(b->side * b->side) * 4 + bytes_of(&target, l->step);
  double gradients = (double)(b->side * b->side) * 4 + bytes_of(&target, 1);
  return operands + (work == 1 ? gradients : 0) + (l->weight != 0 ? bytes_of(&weight, 1) : 0);
}

static void make_plan(bench *b, closs_loss loss, int c, int work) {
  const layout *l = &layouts[c];
  const layout matrix = layouts[0];
  closs_tensor weight = weight_of(b, l->weight);
  closs_error error;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = loss;
  options.outputs = work_outputs[work];
  options.input = tensor_of(b, &matrix);
  options.target = tensor_of(b, l);
  options.weight = l->weight != 0 ? &weight : NULL;
  options.mean_over = CLOSS_MEAN_OVER_COUNT;
  check(closs_plan_create(b->closs, &options, &b->plans[c][work], &error), &error);
  check(closs_plan_prepare(b->plans[c][work], &error), &error);
  closs_buffers *buffers = &b->buffers[c][work];
  *buffers = (closs_buffers)CLOSS_BUFFERS_INIT;
  buffers->input.memory = b->memory[0];
  buffers->target.memory = b->memory[1];
  buffers->weight.memory = b->memory[2];
  buffers->input_gradient.memory = b->memory[3];
  buffers->target_gradient.memory = b->memory[4];
  buffers->loss.memory = b->memory[5];
  buffers->workspace.memory = buffer(b, (size_t)closs_plan_workspace(b->plans[c][work]));
}

static void open_device(bench *b) {
  cl_int code;
  closs_error error;
  if (bench_device(&b->device) != CL_SUCCESS) {
    die("no OpenCL device");
  }
  b->context = clCreateContext(NULL, 1, &b->device, NULL, NULL, &code);
  b->queue = clCreateCommandQueue(b->context, b->device, 0, &code);
  check(closs_context_create(b->context, b->device, NULL, &b->closs, &error), &error);
  const size_t elements = (size_t)(b->side * b->side);
  for (int i = 0; i < ARRAYS; i++) {
    const size_t length = i == 1 ? 2 * elements : i == 5 ? 4 : elements;
    b->memory[i] = buffer(b, length * sizeof(float));
    fill(b, b->memory[i], length, (unsigned)i);
  }
}

static double time_case(bench *b, int c, int work) {
  closs_error error;
  double start = seconds_now();
  check(closs_enqueue(b->plans[c][work], b->queue, &b->buffers[c][work], 0, NULL, NULL, &error), &error);
  clFinish(b->queue);
  return seconds_now() - start;
}

static void measure(bench *b, int work, size_t runs) {
  double *times = calloc(runs * CASES, sizeof *times), *ratios = calloc(runs * CASES, sizeof *ratios);
  if (times == NULL || ratios == NULL) {
    die("no memory for the times");
  }
  for (size_t run = 0; run < runs + 1; run++) {
    const size_t at = run == 0 ? 0 : run - 1; /* one to warm up */
    double contiguous = 0;
    for (int c = 0; c < CASES; c++) {
      const double time = time_case(b, c, work), speed = bytes(b, &layouts[c], work) / time;
      contiguous = c == 0 ? speed : contiguous;
      times[(size_t)c * runs + at] = time;
      ratios[(size_t)c * runs + at] = speed / contiguous;
    }
  }
  for (int c = 0; c < CASES; c++) {
    printf("%-21s %-18s %9.3f ms  bytes a second / contiguous %5.2f\n", work_names[work], layouts[c].name,
           1e3 * median(times + (size_t)c * runs, runs), median(ratios + (size_t)c * runs, runs));
  }
  free(times);
  free(ratios);
}

int main(int argc, char **argv) {
  const closs_loss_info *loss = closs_loss_by_name(argc > 1 ? argv[1] : "l1");
  int power = argc > 2 ? atoi(argv[2]) : 24;
  size_t runs = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : 15;
  if (loss == NULL || power < 4 || power > 28 || power % 2 != 0 || runs < 1) {
    die("usage: bench_access [LOSS] [log2 of the elements, even, 4 to 28] [runs]");
  }
  bench b = {0};
  b.side = UINT64_C(1) << power / 2;
  open_device(&b);
  printf("%s, [%llu, %llu], %zu runs, medians\n", loss->name, (unsigned long long)b.side, (unsigned long long)b.side,
         runs);
  for (int work = 0; work < WORKS; work++) {
    for (int c = 0; c < CASES; c++) {
      make_plan(&b, loss->loss, c, work);
    }
    measure(&b, work, runs);
  }
  return 0;
}
