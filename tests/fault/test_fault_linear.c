/* Whatever OpenCL call of the linear layer's or of CLBlast's, or host allocation, fails, once. */
#include <stdio.h>

#include "closs/linear.h"

#include <clblast_c.h>

#include "points.h"
#include "support/harness.h"

enum { ROWS = 8, FEATURES = 3, MOST_OUTPUTS = 2 };

/* Small integers: every sum is exact, in whatever order. */
enum { X, W, B, Y, PREDICTIONS, LOSS, W_GRADIENT, B_GRADIENT, X_GRADIENT, ARRAYS };

typedef struct layer {
  closs_linear_options options;
  size_t sizes[ARRAYS];
  float values[ARRAYS][ROWS * FEATURES]; /* operands, and the results to be */
  cl_mem memory[ARRAYS];
  cl_event gate;
} layer;

/* Half the square of the difference, summed: huber with a large delta. */
static void fill(layer *l) {
  const size_t outputs = (size_t)l->options.outputs;
  float(*v)[ROWS * FEATURES] = l->values;
  for (size_t i = 0; i < ROWS * FEATURES; ++i)
    v[X][i] = (float)(i % 5) - 2;
  for (size_t i = 0; i < FEATURES * outputs; ++i)
    v[W][i] = (float)i - 1;
  for (size_t k = 0; k < outputs; ++k)
    v[B][k] = (float)k + 1;
  for (size_t i = 0; i < ROWS; ++i)
    for (size_t k = 0; k < outputs; ++k) {
      float *p = &v[PREDICTIONS][i * outputs + k];
      v[Y][i * outputs + k] = (float)(i % 3);
      *p = v[B][k];
      for (size_t j = 0; j < FEATURES; ++j)
        *p += v[X][i * FEATURES + j] * v[W][j * outputs + k];
      const float d = *p - v[Y][i * outputs + k];
      v[LOSS][0] += d * d / 2;
      v[B_GRADIENT][k] += d;
      for (size_t j = 0; j < FEATURES; ++j) {
        v[W_GRADIENT][j * outputs + k] += d * v[X][i * FEATURES + j];
        v[X_GRADIENT][i * FEATURES + j] += d * v[W][j * outputs + k];
      }
    }
}

static void end_layer(fault_scene *scene) {
  layer *l = scene->own;
  scene->calls->paused = true;
  for (int i = 0; i < ARRAYS; ++i)
    clReleaseMemObject(l->memory[i]);
  clReleaseEvent(l->gate);
  scene->calls->paused = false;
  CLBlastClearCache();
  free(l);
}

static void expect_results(const fault_scene *scene, const layer *l) {
  for (int i = PREDICTIONS; i < ARRAYS; ++i) {
    float got[ROWS * FEATURES];
    if (i == X_GRADIENT && !(l->options.wanted & CLOSS_LINEAR_X_GRADIENT)) continue;
    test_read(&scene->device, l->memory[i], l->sizes[i] * sizeof *got, got);
    for (size_t k = 0; k < l->sizes[i]; ++k)
      if (got[k] != l->values[i][k])
        fail_msg("array %d, element %zu: %g, expected %g", i, k, (double)got[k], (double)l->values[i][k]);
  }
}

static closs_status enqueue(fault_scene *scene, closs_linear *linear, closs_error *error) {
  const layer *l = scene->own;
  const cl_mem *m = l->memory;
  closs_linear_buffers b = CLOSS_LINEAR_BUFFERS_INIT;
  cl_event event = l->gate;
  scene->calls->paused = true;
  cl_mem workspace = test_buffer(&scene->device, (size_t)closs_linear_workspace(linear) + 1, NULL);
  scene->calls->paused = false;
  b.x.memory = m[X], b.w.memory = m[W], b.b.memory = m[B], b.y.memory = m[Y], b.predictions.memory = m[PREDICTIONS];
  b.loss.memory = m[LOSS], b.w_gradient.memory = m[W_GRADIENT], b.b_gradient.memory = m[B_GRADIENT];
  b.x_gradient.memory = m[X_GRADIENT], b.workspace.memory = workspace;
  const closs_status status = closs_linear_enqueue(linear, scene->device.queue, &b, 1, &l->gate, &event, error);
  assert_int_equal(status == CLOSS_OK, event != NULL);
  scene->calls->paused = true;
  if (event) {
    test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
    clReleaseEvent(event);
    ++scene->events;
    expect_results(scene, l);
  }
  clReleaseMemObject(workspace);
  scene->calls->paused = false;
  return status;
}

static closs_status work(fault_scene *scene, closs_error *error) {
  const layer *l = scene->own;
  const closs_parameter wide = {"delta", 1e6};
  closs_linear *linear = NULL;
  closs_status status = closs_linear_create(scene->device.closs, &l->options, &linear, error);
  assert_int_equal(status == CLOSS_OK, linear != NULL);
  if (status == CLOSS_OK) status = closs_linear_prepare(linear, error);
  if (status == CLOSS_OK) status = closs_linear_set_parameters(linear, &wide, 1, error);
  if (status == CLOSS_OK) status = enqueue(scene, linear, error);
  closs_linear_destroy(linear);
  return status;
}

static void begin_layer(fault_scene *scene, closs_linear_product product, size_t outputs) {
  layer *l = test_allocate(sizeof *l);
  const closs_linear_options defaults = CLOSS_LINEAR_OPTIONS_INIT;
  cl_int code = CL_SUCCESS;
  *l = (layer){.options = defaults,
               .sizes = {ROWS * FEATURES, FEATURES * outputs, outputs, ROWS * outputs, ROWS * outputs, 1,
                         FEATURES * outputs, outputs, ROWS * FEATURES}};
  l->options.rows = ROWS;
  l->options.features = FEATURES;
  l->options.outputs = outputs;
  l->options.product = product;
  l->options.loss = CLOSS_HUBER;
  l->options.reduction = CLOSS_SUM;
  if (product == CLOSS_LINEAR_PRODUCT_CLBLAST) l->options.wanted |= CLOSS_LINEAR_X_GRADIENT;
  fill(l);
  scene->calls->paused = true;
  for (int i = 0; i < ARRAYS; ++i)
    l->memory[i] = test_buffer(&scene->device, l->sizes[i] * sizeof(float), i <= Y ? l->values[i] : NULL);
  l->gate = clCreateUserEvent(scene->device.context, &code);
  test_cl(code, "clCreateUserEvent");
  test_cl(clSetUserEventStatus(l->gate, CL_COMPLETE), "clSetUserEventStatus");
  scene->calls->paused = false;
  scene->own = l;
  assert_int_equal(work(scene, NULL), CLOSS_OK); /* closs's programs stay in the context, CLBlast's in the process */
}

/* CLBlast keeps its programs in the process: here it compiles them each time. */
static closs_status work_cold(fault_scene *scene, closs_error *error) {
  const closs_status status = work(scene, error);
  CLBlastClearCache();
  return status;
}

static void begin_rows(fault_scene *scene) {
  begin_layer(scene, CLOSS_LINEAR_PRODUCT_ROWS, 1);
}

static void begin_vector(fault_scene *scene) {
  begin_layer(scene, CLOSS_LINEAR_PRODUCT_CLBLAST, 1);
}

static void begin_cold(fault_scene *scene) {
  begin_vector(scene);
  CLBlastClearCache();
}

static void begin_matrix(fault_scene *scene) {
  begin_layer(scene, CLOSS_LINEAR_PRODUCT_CLBLAST, MOST_OUTPUTS);
}

static void layers(void **state, const char *name, void (*begin)(fault_scene *)) {
  fault_walk(*state, &(fault_path){.name = name,
                                   .work = work,
                                   .begin = begin,
                                   .end = end_layer,
                                   .kept = true,
                                   .long_walk = begin != begin_rows});
}

static void rows(void **state) {
  layers(state, "linear, its own kernels", begin_rows);
}

static void clblast_gemv(void **state) {
  layers(state, "linear, CLBlast's GEMV", begin_vector);
}

static void clblast_gemm(void **state) {
  layers(state, "linear, CLBlast's GEMM", begin_matrix);
}

/* CLBlast's compilation. */
static void clblast_compiles(void **state) {
  if (!getenv("CLOSS_TEST_FULL")) skip();
  fault_walk(*state, &(fault_path){.name = "linear, CLBlast compiles",
                                   .work = work_cold,
                                   .begin = begin_cold,
                                   .end = end_layer,
                                   .kept = true,
                                   .long_walk = true});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(clblast_gemv),
                                     cmocka_unit_test(clblast_gemm), cmocka_unit_test(clblast_compiles)};
  return cmocka_run_group_tests_name("fault linear", tests, test_device_setup, test_device_teardown);
}
