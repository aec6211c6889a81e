/*
 * Times a linear layer of one output, forward and gradient of W, with each of its products in one run: the kernel of
 * rows, CLBlast's two GEMVs as they are, and with other parameters of theirs.
 *
 *     bench_linear [rows] [features] [runs]
 *
 * mse, mean, f32, on the device of $CLOSS_DEVICE, else the first. An override is for the process: each CLBlast in turn
 * with rows alone, medians, and medians of the ratios run by run.
 */
#include <clblast_c.h>
#include <closs/closs.h>
#include <closs/linear.h>
#include <stdio.h>
#include <stdlib.h>

#include "../closs/timing.h"
#include "device.h"

/* Parameters of Xgemv, XgemvFast and XgemvFastRot: work-group, rows a work-item (of the last always 8) and the vector
 * of the latter two. 0: as CLBlast has them. */
typedef struct contender {
  closs_linear_product product;
  size_t group, items, vector;
} contender;

static const contender contenders[] = {
    {CLOSS_LINEAR_PRODUCT_ROWS, 0, 0, 0},     {CLOSS_LINEAR_PRODUCT_CLBLAST, 0, 0, 0},
    {CLOSS_LINEAR_PRODUCT_CLBLAST, 16, 1, 1}, {CLOSS_LINEAR_PRODUCT_CLBLAST, 64, 1, 1},
    {CLOSS_LINEAR_PRODUCT_CLBLAST, 64, 4, 4}, {CLOSS_LINEAR_PRODUCT_CLBLAST, 256, 1, 1},
    {CLOSS_LINEAR_PRODUCT_CLBLAST, 256, 4, 4}};
enum { CONTENDERS = sizeof contenders / sizeof contenders[0] };

typedef struct bench {
  closs_context *closs;
  cl_context context;
  cl_device_id device;
  cl_command_queue queue;
  size_t rows, features;
  closs_linear *layers[2]; /* by product: rows, CLBlast */
  closs_linear_buffers buffers;
} bench;

static void check(cl_int code, const char *what) {
  if (code == CL_SUCCESS) return;
  fprintf(stderr, "bench_linear: %s: %s\n", what, closs_opencl_error_name(code));
  exit(1);
}

static void check_closs(closs_status status, const closs_error *error) {
  if (status == CLOSS_OK) return;
  fprintf(stderr, "bench_linear: %s\n", error->text);
  exit(1);
}

static closs_buffer buffer(const bench *b, size_t elements, unsigned seed) {
  cl_int code;
  float *values = malloc(elements * sizeof *values);
  if (values == NULL) check(CL_OUT_OF_HOST_MEMORY, "malloc");
  for (size_t i = 0; i < elements; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
  }
  cl_mem memory = clCreateBuffer(b->context, CL_MEM_COPY_HOST_PTR, elements * sizeof *values, values, &code);
  check(code, "clCreateBuffer");
  free(values);
  return (closs_buffer){memory, 0};
}

static void open_device(bench *b) {
  cl_int code;
  char name[256] = "";
  closs_error error;
  check(bench_device(&b->device), "no device");
  clGetDeviceInfo(b->device, CL_DEVICE_NAME, sizeof name, name, NULL);
  b->context = clCreateContext(NULL, 1, &b->device, NULL, NULL, &code);
  check(code, "clCreateContext");
  b->queue = clCreateCommandQueue(b->context, b->device, 0, &code);
  check(code, "clCreateCommandQueue");
  check_closs(closs_context_create(b->context, b->device, NULL, &b->closs, &error), &error);
  printf("%zu x %zu f32; %s\n", b->rows, b->features, name);
}

static void make_layers(bench *b) {
  const closs_linear_buffers none = CLOSS_LINEAR_BUFFERS_INIT;
  closs_error error;
  uint64_t workspace = 1;
  for (int i = 0; i < 2; i++) {
    closs_linear_options options = CLOSS_LINEAR_OPTIONS_INIT;
    options.rows = b->rows;
    options.features = b->features;
    options.loss = CLOSS_MSE;
    options.product = i == 0 ? CLOSS_LINEAR_PRODUCT_ROWS : CLOSS_LINEAR_PRODUCT_CLBLAST;
    check_closs(closs_linear_create(b->closs, &options, &b->layers[i], &error), &error);
    check_closs(closs_linear_prepare(b->layers[i], &error), &error);
    uint64_t bytes = closs_linear_workspace(b->layers[i]);
    workspace = bytes > workspace ? bytes : workspace;
  }
  b->buffers = none;
  b->buffers.x = buffer(b, b->rows * b->features, 1);
  b->buffers.w = buffer(b, b->features, 2);
  b->buffers.b = buffer(b, 1, 3);
  b->buffers.y = buffer(b, b->rows, 4);
  b->buffers.predictions = buffer(b, b->rows, 5);
  b->buffers.loss = buffer(b, 1, 6);
  b->buffers.w_gradient = buffer(b, b->features, 7);
  b->buffers.b_gradient = buffer(b, 1, 8);
  b->buffers.workspace = buffer(b, (size_t)workspace / sizeof(float) + 1, 9);
}

static CLBlastStatusCode override(const bench *b, const contender *c) {
  const char *plain[] = {"WGS1", "WPT1"}, *fast[] = {"VW2", "WGS2", "WPT2"}, *rotated[] = {"VW3", "WGS3", "WPT3"};
  const size_t two[] = {c->group, c->items}, three[] = {c->vector, c->group, c->items};
  /* A multiple of every vector above: the rotated kernel divides it by its vector. */
  const size_t tile[] = {c->vector, c->group, 8};
  CLBlastStatusCode code = CLBlastOverrideParameters(b->device, "Xgemv", CLBlastPrecisionSingle, 2, plain, two);
  if (code == CLBlastSuccess)
    code = CLBlastOverrideParameters(b->device, "XgemvFast", CLBlastPrecisionSingle, 3, fast, three);
  if (code == CLBlastSuccess)
    code = CLBlastOverrideParameters(b->device, "XgemvFastRot", CLBlastPrecisionSingle, 3, rotated, tile);
  return code;
}

static double time_one(const bench *b, const contender *c) {
  closs_error error;
  closs_linear *layer = b->layers[c->product == CLOSS_LINEAR_PRODUCT_CLBLAST];
  double start = seconds_now();
  check_closs(closs_linear_enqueue(layer, b->queue, &b->buffers, 0, NULL, NULL, &error), &error);
  check(clFinish(b->queue), "clFinish");
  return seconds_now() - start;
}

/* The median of times over those of another; NULL: of the times in ms. */
static double median_over(const double *times, const double *over, size_t runs) {
  double *values = malloc(runs * sizeof *values);
  if (values == NULL) check(CL_OUT_OF_HOST_MEMORY, "malloc");
  for (size_t i = 0; i < runs; i++)
    values[i] = over == NULL ? 1e3 * times[i] : times[i] / over[i];
  double middle = median(values, runs);
  free(values);
  return middle;
}

int main(int argc, char **argv) {
  bench b = {.rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000,
             .features = argc > 2 ? strtoul(argv[2], NULL, 10) : 32};
  size_t runs = argc > 3 ? strtoul(argv[3], NULL, 10) : 15;
  if (b.rows == 0 || b.features == 0 || runs == 0) {
    fprintf(stderr, "usage: bench_linear [rows] [features] [runs]\n");
    return 2;
  }
  double *times = malloc(CONTENDERS * runs * sizeof *times);
  if (times == NULL) {
    fprintf(stderr, "bench_linear: no memory for the times\n");
    return 1;
  }
  open_device(&b);
  make_layers(&b);
  /* An override is for good: CLBlast as it is comes first, and each CLBlast is timed in turn with rows. */
  for (int i = 1; i < CONTENDERS; i++) {
    const contender *c = &contenders[i];
    double *rows = times, *blas = times + (size_t)i * runs;
    CLBlastStatusCode code = c->group > 0 ? override(&b, c) : CLBlastSuccess;
    if (code != CLBlastSuccess) {
      printf("CLBlast, %3zu %zu %zu: refused, status %d\n", c->group, c->items, c->vector, (int)code);
      continue;
    }
    time_one(&b, &contenders[0]); /* to warm up; CLBlast compiles */
    time_one(&b, c);
    for (size_t run = 0; run < runs; run++) {
      rows[run] = time_one(&b, &contenders[0]);
      blas[run] = time_one(&b, c);
    }
    printf("rows %7.2f ms, CLBlast", median_over(rows, NULL, runs));
    if (c->group > 0) printf(" with WGS %zu WPT %zu VW %zu", c->group, c->items, c->vector);
    printf(" %7.2f ms, CLBlast / rows %.2f\n", median_over(blas, NULL, runs), median_over(blas, rows, runs));
    fflush(stdout);
  }
  return 0;
}
