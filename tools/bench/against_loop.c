/*
 * Times closs against plain OpenMP loops over the same arrays, and an empty kernel, in one run:
 *
 *     bench_against_loop [LOSS] [log2 of the elements] [runs]
 *
 * f32, reduction mean, operands in host memory that the device uses in place. Each run times every contender once, in
 * turn; the figures are medians, and medians of the ratios run by run, since machines drift. OpenMP's threads must not
 * spin while the device works: OMP_WAIT_POLICY=passive is set here.
 */
#include <closs/closs.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum { FORWARD, GRADIENT, BOTH, WORKS };
static const char *const work_names[WORKS] = {"loss", "loss, one gradient", "loss, both gradients"};
static const uint32_t work_outputs[WORKS] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT,
                                             CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT |
                                                 CLOSS_OUTPUT_TARGET_GRADIENT};

typedef struct bench {
  size_t elements;
  float *input, *target, *input_gradient, *target_gradient;
  cl_context context;
  cl_device_id device;
  cl_command_queue queue;
  cl_kernel empty;
  closs_context *closs;
  closs_plan *plans[WORKS];
  closs_buffers buffers[WORKS];
} bench;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "bench_against_loop: %s\n", what);
  exit(1);
}

static void check(closs_status status, const closs_error *error) {
  if (status != CLOSS_OK) {
    die(error->text);
  }
}

/* The loops compute l1, whichever loss closs does: what is compared is the way to memory. */
static float loop_forward(const bench *b) {
  const float *x = b->input, *y = b->target;
  float sum = 0;
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
  for (size_t i = 0; i < b->elements; i++) {
    sum += fabsf(x[i] - y[i]);
  }
  return sum;
}

#if defined(__AVX512F__)
#define LOOP_STEP 16
static float loop_step(const bench *b, size_t i, bool both) {
  __m512 d = _mm512_sub_ps(_mm512_load_ps(b->input + i), _mm512_load_ps(b->target + i));
  __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1);
  __m512 slope = _mm512_mask_mov_ps(_mm512_mask_mov_ps(d, _mm512_cmp_ps_mask(d, zero, _CMP_GT_OQ), one),
                                    _mm512_cmp_ps_mask(d, zero, _CMP_LT_OQ), _mm512_sub_ps(zero, one));
  _mm512_stream_ps(b->input_gradient + i, slope);
  if (both) {
    _mm512_stream_ps(b->target_gradient + i, _mm512_sub_ps(zero, slope));
  }
  return _mm512_reduce_add_ps(_mm512_abs_ps(d));
}
#elif defined(__SSE2__)
#define LOOP_STEP 4
static float loop_step(const bench *b, size_t i, bool both) {
  __m128 d = _mm_sub_ps(_mm_load_ps(b->input + i), _mm_load_ps(b->target + i));
  __m128 zero = _mm_setzero_ps(), one = _mm_set1_ps(1);
  __m128 slope = _mm_sub_ps(_mm_and_ps(_mm_cmpgt_ps(d, zero), one), _mm_and_ps(_mm_cmplt_ps(d, zero), one));
  _mm_stream_ps(b->input_gradient + i, slope);
  if (both) {
    _mm_stream_ps(b->target_gradient + i, _mm_sub_ps(zero, slope));
  }
  __m128 z = _mm_andnot_ps(_mm_set1_ps(-0.0f), d);
  z = _mm_add_ps(z, _mm_movehl_ps(z, z));
  return _mm_cvtss_f32(_mm_add_ss(z, _mm_shuffle_ps(z, z, 1)));
}
#else
#define LOOP_STEP 1
static float loop_step(const bench *b, size_t i, bool both) {
  float d = b->input[i] - b->target[i];
  float slope = d > 0 ? 1.0f : d < 0 ? -1.0f : d;
  b->input_gradient[i] = slope;
  if (both) {
    b->target_gradient[i] = -slope;
  }
  return fabsf(d);
}
#endif

static float loop(const bench *b, int work) {
  if (work == FORWARD) {
    return loop_forward(b);
  }
  float sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(static)
  for (size_t i = 0; i < b->elements; i += LOOP_STEP) {
    sum += loop_step(b, i, work == BOTH);
  }
  return sum;
}

static cl_mem buffer(const bench *b, void *host, size_t bytes) {
  cl_int code;
  cl_mem memory = clCreateBuffer(b->context, host != NULL ? CL_MEM_USE_HOST_PTR : CL_MEM_READ_WRITE,
                                 bytes > 0 ? bytes : 16, host, &code);
  if (code != CL_SUCCESS) {
    die(closs_opencl_error_name(code));
  }
  return memory;
}

static float *array(size_t elements, unsigned seed) {
  float *values = aligned_alloc(4096, (elements * sizeof *values + 4095) / 4096 * 4096);
  if (values == NULL) {
    die("no memory for the arrays");
  }
  for (size_t i = 0; i < elements; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

static void make_plans(bench *b, closs_loss loss) {
  closs_error error;
  uint64_t shape = b->elements;
  size_t bytes = b->elements * sizeof(float);
  cl_mem input = buffer(b, b->input, bytes), target = buffer(b, b->target, bytes);
  cl_mem input_gradient = buffer(b, b->input_gradient, bytes), target_gradient = buffer(b, b->target_gradient, bytes);
  for (int work = 0; work < WORKS; work++) {
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    options.loss = loss;
    options.outputs = work_outputs[work];
    options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &shape);
    check(closs_plan_create(b->closs, &options, &b->plans[work], &error), &error);
    check(closs_plan_prepare(b->plans[work], &error), &error);
    closs_buffers buffers = CLOSS_BUFFERS_INIT;
    buffers.input.memory = input;
    buffers.target.memory = target;
    buffers.input_gradient.memory = input_gradient;
    buffers.target_gradient.memory = target_gradient;
    buffers.loss.memory = buffer(b, NULL, sizeof(float));
    buffers.workspace.memory = buffer(b, NULL, (size_t)closs_plan_workspace(b->plans[work]));
    b->buffers[work] = buffers;
  }
}

static void open_device(bench *b) {
  cl_platform_id platform;
  cl_int code;
  closs_error error;
  if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
      clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &b->device, NULL) != CL_SUCCESS) {
    die("no OpenCL device");
  }
  b->context = clCreateContext(NULL, 1, &b->device, NULL, NULL, &code);
  b->queue = clCreateCommandQueue(b->context, b->device, 0, &code);
  const char *text = "__kernel void empty(__global float *p) {}";
  cl_program program = clCreateProgramWithSource(b->context, 1, &text, NULL, &code);
  if (clBuildProgram(program, 1, &b->device, "-cl-std=CL1.2", NULL, NULL) != CL_SUCCESS) {
    die("the empty kernel does not compile");
  }
  b->empty = clCreateKernel(program, "empty", &code);
  cl_mem nothing = buffer(b, NULL, 16);
  clSetKernelArg(b->empty, 0, sizeof nothing, &nothing);
  check(closs_context_create(b->context, b->device, NULL, &b->closs, &error), &error);
}

static double time_closs(bench *b, int work) {
  closs_error error;
  double start = seconds();
  check(closs_enqueue(b->plans[work], b->queue, &b->buffers[work], 0, NULL, NULL, &error), &error);
  clFinish(b->queue);
  return seconds() - start;
}

static double time_empty(const bench *b) {
  const size_t one = 1;
  double start = seconds();
  clEnqueueNDRangeKernel(b->queue, b->empty, 1, NULL, &one, &one, 0, NULL, NULL);
  clFinish(b->queue);
  return seconds() - start;
}

static double time_loop(const bench *b, int work) {
  double start = seconds();
  volatile float sum = loop(b, work); /* keeps the loop */
  (void)sum;
  return seconds() - start;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return values[count / 2];
}

static void measure(bench *b, int work, size_t runs) {
  double *times = calloc(runs * 5, sizeof *times);
  if (times == NULL) {
    die("no memory for the times");
  }
  double *closs = times, *loops = times + runs, *empty = times + 2 * runs;
  double *speed = times + 3 * runs, *launches = times + 4 * runs;
  for (size_t run = 0; run < runs + 2; run++) {
    size_t at = run < 2 ? 0 : run - 2; /* two to warm up */
    closs[at] = time_closs(b, work);
    loops[at] = time_loop(b, work);
    empty[at] = time_empty(b);
    speed[at] = loops[at] / closs[at];
    launches[at] = closs[at] / empty[at];
  }
  printf("%-21s closs %9.4f ms  loop %9.4f ms  empty kernel %7.4f ms  closs's speed / loop's %5.2f", work_names[work],
         1e3 * median(closs, runs), 1e3 * median(loops, runs), 1e3 * median(empty, runs), median(speed, runs));
  printf("  closs / empty kernel %.2f\n", median(launches, runs));
  free(times);
}

int main(int argc, char **argv) {
  if (getenv("OMP_WAIT_POLICY") == NULL) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv); /* the OpenMP runtime has read it already; where this fails the loops spin */
  }
  const closs_loss_info *loss = closs_loss_by_name(argc > 1 ? argv[1] : "l1");
  int power = argc > 2 ? atoi(argv[2]) : 26;
  size_t runs = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : 15;
  if (loss == NULL || power < 4 || power > 30 || runs < 1) {
    die("usage: bench_against_loop [LOSS] [log2 of the elements, 4 to 30] [runs]");
  }
  bench b = {0};
  b.elements = (size_t)1 << power;
  b.input = array(b.elements, 1);
  b.target = array(b.elements, 2);
  b.input_gradient = array(b.elements, 3);
  b.target_gradient = array(b.elements, 4);
  open_device(&b);
  make_plans(&b, loss->loss);
  printf("%s, 2^%d f32, %zu runs, medians\n", loss->name, power, runs);
  for (int work = 0; work < WORKS; work++) {
    measure(&b, work, runs);
  }
  return 0;
}
