/* A linear layer on a loss: against sums in double, closs_reference() on the layer's own predictions, finite
 * differences; what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "closs/host.h"
#include "closs/linear.h"
#include "device/context.h"
#include "support/device.h"
#include "support/harness.h"

enum { WEIGHT_NONE, WEIGHT_SAMPLE, WEIGHT_ELEMENT };
enum { GAP = 3, EXTRA = 5 }; /* elements between rows, and before a matrix */

typedef struct layer_case {
  closs_dtype dtype;
  uint64_t rows, features, outputs;
  bool gaps, bias;
  int weight;
  closs_loss loss;
  closs_reduction reduction;
  closs_mean_over mean_over;
  closs_linear_product product;
} layer_case;

/* A row-major matrix in doubles that are exact in the layer's type, and in a buffer. */
typedef struct matrix {
  double *values; /* rows x columns */
  uint64_t rows, columns, leading;
  closs_dtype dtype;
  closs_buffer buffer;
} matrix;

typedef struct layer {
  const test_device *device;
  const layer_case *c;
  matrix x, w, b, y, weight, predictions, loss, gradient, w_gradient, b_gradient, x_gradient;
  closs_linear *linear;
  closs_linear_options options;
  closs_linear_buffers buffers;
  closs_tensor weight_tensor;
  cl_mem workspace;
} layer;

static uint32_t random_state = 1;

static double random_value(void) {
  random_state = random_state * 1664525u + 1013904223u;
  return ((double)(random_state >> 20) - 2048) / 1024; /* 12 bits, exact in f16 up to the last */
}

static uint64_t extent(const matrix *m) {
  return (m->rows - 1) * m->leading + m->columns;
}

/* The buffer's content: the matrix behind EXTRA elements, all else NaN. */
static void *pack(const matrix *m, size_t *bytes) {
  size_t count = (size_t)extent(m) + 2 * EXTRA, size = closs_dtype_size(m->dtype);
  double *wide = test_allocate(count * sizeof *wide);
  void *packed = test_allocate(count * size);
  for (size_t i = 0; i < count; i++)
    wide[i] = (double)NAN;
  for (uint64_t i = 0; m->values != NULL && i < m->rows * m->columns; i++)
    wide[EXTRA + i / m->columns * m->leading + i % m->columns] = m->values[i];
  closs_convert(m->dtype, packed, CLOSS_F64, wide, count, NULL);
  free(wide);
  *bytes = count * size;
  return packed;
}

static void put_matrix(const layer *l, matrix *m, uint64_t rows, uint64_t columns, bool filled) {
  size_t bytes;
  *m = (matrix){NULL, rows, columns, columns + (l->c->gaps ? GAP : 0), l->c->dtype, {NULL, EXTRA}};
  if (filled) {
    m->values = test_allocate((size_t)(rows * columns) * sizeof *m->values);
    for (uint64_t i = 0; i < rows * columns; i++)
      m->values[i] = random_value();
    /* Rounded to the type, so that the doubles are what the device has. */
    void *narrow = test_allocate((size_t)(rows * columns) * sizeof *m->values);
    closs_convert(m->dtype, narrow, CLOSS_F64, m->values, (size_t)(rows * columns), NULL);
    closs_convert(CLOSS_F64, m->values, m->dtype, narrow, (size_t)(rows * columns), NULL);
    free(narrow);
  }
  void *packed = pack(m, &bytes);
  m->buffer.memory = test_buffer(l->device, bytes, packed);
  free(packed);
}

/* Reads a result; what lies between and around its rows must still be NaN. */
static void fetch(const layer *l, matrix *m) {
  size_t count = (size_t)extent(m) + 2 * EXTRA, size = closs_dtype_size(m->dtype);
  void *packed = test_allocate(count * size);
  double *wide = test_allocate(count * sizeof *wide);
  test_read(l->device, m->buffer.memory, count * size, packed);
  closs_convert(CLOSS_F64, wide, m->dtype, packed, count, NULL);
  free(m->values);
  m->values = test_allocate((size_t)(m->rows * m->columns) * sizeof *m->values);
  for (size_t i = 0; i < count; i++) {
    uint64_t at = i - EXTRA;
    bool inside = i >= EXTRA && at < extent(m) && at % m->leading < m->columns;
    if (inside) m->values[at / m->leading * m->columns + at % m->leading] = wide[i];
    if (!inside && wide[i] == wide[i]) fail_msg("element %zu lies outside the matrix, and was written", i);
  }
  free(packed);
  free(wide);
}

static closs_linear_options options_of(const layer_case *c) {
  closs_linear_options o = CLOSS_LINEAR_OPTIONS_INIT;
  uint64_t gap = c->gaps ? GAP : 0;
  bool rows = c->product == CLOSS_LINEAR_PRODUCT_ROWS;
  o.dtype = c->dtype, o.rows = c->rows, o.features = c->features, o.outputs = c->outputs;
  if (c->gaps) {
    o.x_leading = o.x_gradient_leading = c->features + gap;
    o.w_leading = rows ? 0 : c->outputs + gap;
    o.w_gradient_leading = o.y_leading = o.predictions_leading = c->outputs + gap;
  }
  o.bias = c->bias;
  o.wanted = CLOSS_LINEAR_LOSS | CLOSS_LINEAR_W_GRADIENT | (c->bias ? CLOSS_LINEAR_B_GRADIENT : 0u) |
             (rows ? 0u : (uint32_t)CLOSS_LINEAR_X_GRADIENT);
  o.loss = c->loss, o.reduction = c->reduction, o.mean_over = c->mean_over, o.product = c->product;
  return o;
}

static layer make(const test_device *device, const layer_case *c) {
  layer l = {.device = device, .c = c, .options = options_of(c)};
  closs_error error;
  put_matrix(&l, &l.x, c->rows, c->features, true);
  put_matrix(&l, &l.w, c->features, c->outputs, true);
  put_matrix(&l, &l.b, 1, c->outputs, true);
  put_matrix(&l, &l.y, c->rows, c->outputs, true);
  put_matrix(&l, &l.weight, c->rows, c->weight == WEIGHT_SAMPLE ? 1 : c->outputs, true);
  if (c->product == CLOSS_LINEAR_PRODUCT_ROWS && c->gaps) { /* W lies without gaps */
    clReleaseMemObject(l.w.buffer.memory);
    size_t bytes;
    l.w.leading = 1;
    void *packed = pack(&l.w, &bytes);
    l.w.buffer.memory = test_buffer(device, bytes, packed);
    free(packed);
  }
  put_matrix(&l, &l.predictions, c->rows, c->outputs, false);
  put_matrix(&l, &l.w_gradient, c->features, c->outputs, false);
  put_matrix(&l, &l.b_gradient, 1, c->outputs, false);
  put_matrix(&l, &l.x_gradient, c->rows, c->features, false);
  bool none = c->reduction == CLOSS_NONE;
  layer_case flat = *c;
  flat.gaps = false;
  l.c = &flat;
  put_matrix(&l, &l.loss, none ? c->rows : 1, none ? c->outputs : 1, false);
  l.c = c;
  l.weight_tensor = closs_tensor_contiguous(c->dtype, 2, (uint64_t[]){l.weight.rows, l.weight.columns});
  l.weight_tensor.strides[0] = (int64_t)l.weight.leading;
  if (c->weight != WEIGHT_NONE) l.options.weight = &l.weight_tensor;
  if (closs_linear_create(device->closs, &l.options, &l.linear, &error) != CLOSS_OK ||
      closs_linear_prepare(l.linear, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  const closs_linear_buffers none_yet = CLOSS_LINEAR_BUFFERS_INIT;
  l.buffers = none_yet;
  l.buffers.x = l.x.buffer, l.buffers.w = l.w.buffer, l.buffers.b = l.b.buffer, l.buffers.y = l.y.buffer;
  l.buffers.weight = l.weight.buffer, l.buffers.predictions = l.predictions.buffer, l.buffers.loss = l.loss.buffer;
  l.buffers.w_gradient = l.w_gradient.buffer, l.buffers.b_gradient = l.b_gradient.buffer;
  l.buffers.x_gradient = l.x_gradient.buffer;
  l.buffers.upstream = 1.5;
  l.workspace = test_buffer(device, (size_t)closs_linear_workspace(l.linear) + 16, NULL);
  l.buffers.workspace = (closs_buffer){l.workspace, 16};
  return l;
}

static void release(layer *l) {
  matrix *all[] = {&l->x,    &l->w,        &l->b,          &l->y,          &l->weight,    &l->predictions,
                   &l->loss, &l->gradient, &l->w_gradient, &l->b_gradient, &l->x_gradient};
  for (size_t i = 0; i < TEST_COUNT(all); i++) {
    free(all[i]->values);
    if (all[i]->buffer.memory != NULL) clReleaseMemObject(all[i]->buffer.memory);
  }
  clReleaseMemObject(l->workspace);
  closs_linear_destroy(l->linear);
}

static double unit(closs_dtype dtype) {
  return dtype == CLOSS_F64 ? 0x1p-53 : dtype == CLOSS_F32 ? 0x1p-24 : 0x1p-11;
}

/* One element against a sum of products in double, whose rounding may be bound * unit * the sum of their sizes. */
static void expect(const layer *l, const char *what, uint64_t at, double got, double sum, double sizes, double terms) {
  double bound = unit(l->c->dtype) * (terms + 4) * sizes + unit(l->c->dtype) * fabs(sum);
  if (!(fabs(got - sum) <= bound))
    fail_msg("%s[%llu] of %s, %llu x %llu x %llu: %.17g, expected %.17g within %.3g", what, (unsigned long long)at,
             closs_dtype_name(l->c->dtype), (unsigned long long)l->c->rows, (unsigned long long)l->c->features,
             (unsigned long long)l->c->outputs, got, sum, bound);
}

/* Loss and G of the device's own predictions, by the reference; the loss must have the same bits. */
static void expect_loss(layer *l) {
  const layer_case *c = l->c;
  uint64_t count = c->rows * c->outputs, losses = l->loss.rows * l->loss.columns;
  size_t size = closs_dtype_size(c->dtype);
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  closs_error error;
  void *p = test_allocate((size_t)count * size), *y = test_allocate((size_t)count * size);
  void *g = test_allocate((size_t)count * size), *loss = test_allocate((size_t)losses * size);
  void *weight = test_allocate((size_t)(l->weight.rows * l->weight.columns) * size);
  closs_convert(c->dtype, p, CLOSS_F64, l->predictions.values, (size_t)count, NULL);
  closs_convert(c->dtype, y, CLOSS_F64, l->y.values, (size_t)count, NULL);
  closs_convert(c->dtype, weight, CLOSS_F64, l->weight.values, (size_t)(l->weight.rows * l->weight.columns), NULL);
  closs_tensor weights = closs_tensor_contiguous(c->dtype, 2, l->weight_tensor.shape);
  options.loss = c->loss, options.reduction = c->reduction, options.mean_over = c->mean_over;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = options.target = closs_tensor_contiguous(c->dtype, 2, (uint64_t[]){c->rows, c->outputs});
  options.weight = c->weight != WEIGHT_NONE ? &weights : NULL;
  arrays.input = p, arrays.target = y, arrays.weight = weight, arrays.loss = loss, arrays.input_gradient = g;
  arrays.upstream_value = 1.5;
  if (closs_reference(&options, &arrays, &error) != CLOSS_OK) fail_msg("%s", error.text);
  double *expected = test_allocate((size_t)losses * sizeof *expected);
  closs_convert(CLOSS_F64, expected, c->dtype, loss, (size_t)losses, NULL);
  for (uint64_t i = 0; i < losses; i++)
    if (expected[i] != l->loss.values[i]) fail_msg("loss %.17g, expected %.17g", l->loss.values[i], expected[i]);
  l->gradient.values = test_allocate((size_t)count * sizeof *l->gradient.values);
  closs_convert(CLOSS_F64, l->gradient.values, c->dtype, g, (size_t)count, NULL);
  free(p), free(y), free(g), free(loss), free(weight), free(expected);
}

/* C = op(A) op(B) + b against doubles. */
static void expect_product(const layer *l, const char *what, const matrix *a, bool transpose_a, const matrix *b,
                           bool transpose_b, const double *bias, const matrix *c) {
  uint64_t terms = transpose_a ? a->rows : a->columns;
  for (uint64_t i = 0; i < c->rows; i++) {
    for (uint64_t j = 0; j < c->columns; j++) {
      double sum = bias != NULL ? bias[j] : 0, sizes = fabs(sum);
      for (uint64_t k = 0; k < terms; k++) {
        double product = a->values[transpose_a ? k * a->columns + i : i * a->columns + k] *
                         b->values[transpose_b ? j * b->columns + k : k * b->columns + j];
        sum += product;
        sizes += fabs(product);
      }
      expect(l, what, i * c->columns + j, c->values[i * c->columns + j], sum, sizes, (double)terms);
    }
  }
}

static void expect_all(layer *l) {
  const layer_case *c = l->c;
  fetch(l, &l->predictions);
  fetch(l, &l->loss);
  fetch(l, &l->w_gradient);
  expect_product(l, "predictions", &l->x, false, &l->w, false, c->bias ? l->b.values : NULL, &l->predictions);
  expect_loss(l);
  l->gradient.rows = c->rows, l->gradient.columns = c->outputs;
  expect_product(l, "dW", &l->x, true, &l->gradient, false, NULL, &l->w_gradient);
  if (c->product != CLOSS_LINEAR_PRODUCT_ROWS) {
    fetch(l, &l->x_gradient);
    expect_product(l, "dX", &l->gradient, false, &l->w, true, NULL, &l->x_gradient);
  }
  if (!c->bias) return;
  fetch(l, &l->b_gradient);
  for (uint64_t j = 0; j < c->outputs; j++) { /* the canonical sum: n u^2 of the sizes */
    double sum = 0, sizes = 0;
    for (uint64_t i = 0; i < c->rows; i++) {
      sum += l->gradient.values[i * c->outputs + j];
      sizes += fabs(l->gradient.values[i * c->outputs + j]);
    }
    expect(l, "db", j, l->b_gradient.values[j], sum, sizes,
           c->dtype == CLOSS_F64 ? (double)c->rows : 1 /* and of the rounding of 2^-53 here */);
  }
}

static void enqueue(layer *l) {
  closs_error error;
  if (closs_linear_enqueue(l->linear, l->device->queue, &l->buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
}

static bool has_half(const test_device *device) {
  char list[4096] = "";
  clGetDeviceInfo(device->device, CL_DEVICE_EXTENSIONS, sizeof list, list, NULL);
  return strstr(list, "cl_khr_fp16") != NULL;
}

#define BLAS CLOSS_LINEAR_PRODUCT_CLBLAST
#define ROWS CLOSS_LINEAR_PRODUCT_ROWS
#define BY_WEIGHT CLOSS_MEAN_OVER_WEIGHTS
#define BY_COUNT CLOSS_MEAN_OVER_COUNT
static const layer_case cases[] = {
    {CLOSS_F32, 1, 1, 1, false, true, WEIGHT_NONE, CLOSS_MSE, CLOSS_MEAN, BY_WEIGHT, BLAS},
    {CLOSS_F32, 1, 1, 1, false, true, WEIGHT_NONE, CLOSS_MSE, CLOSS_MEAN, BY_WEIGHT, ROWS},
    {CLOSS_F32, 100, 7, 1, true, true, WEIGHT_NONE, CLOSS_HUBER, CLOSS_MEAN, BY_WEIGHT, BLAS},
    {CLOSS_F32, 67, 33, 5, true, true, WEIGHT_SAMPLE, CLOSS_L1, CLOSS_MEAN, BY_WEIGHT, BLAS},
    {CLOSS_F32, 67, 33, 5, false, false, WEIGHT_ELEMENT, CLOSS_SMOOTH_L1, CLOSS_SUM, BY_WEIGHT, BLAS},
    {CLOSS_F32, 33, 4, 3, true, true, WEIGHT_NONE, CLOSS_HUBER, CLOSS_NONE, BY_WEIGHT, BLAS},
    {CLOSS_F32, 5, 3, 1, true, true, WEIGHT_NONE, CLOSS_SMOOTH_L1, CLOSS_MEAN, BY_WEIGHT, ROWS},
    {CLOSS_F32, 64, 16, 1, false, true, WEIGHT_SAMPLE, CLOSS_HUBER, CLOSS_MEAN, BY_COUNT, ROWS},
    {CLOSS_F32, 4321, 37, 1, true, true, WEIGHT_ELEMENT, CLOSS_L1, CLOSS_SUM, BY_WEIGHT, ROWS},
    {CLOSS_F32, 10007, 32, 1, false, false, WEIGHT_NONE, CLOSS_MSE, CLOSS_MEAN, BY_WEIGHT, ROWS},
    {CLOSS_F64, 67, 33, 5, true, true, WEIGHT_SAMPLE, CLOSS_MSE, CLOSS_MEAN, BY_COUNT, BLAS},
    {CLOSS_F64, 100, 7, 1, true, true, WEIGHT_NONE, CLOSS_HUBER, CLOSS_MEAN, BY_WEIGHT, BLAS},
    {CLOSS_F64, 4321, 37, 1, true, true, WEIGHT_SAMPLE, CLOSS_SMOOTH_L1, CLOSS_MEAN, BY_COUNT, ROWS},
    {CLOSS_F64, 63, 8, 1, false, true, WEIGHT_NONE, CLOSS_MSE, CLOSS_SUM, BY_WEIGHT, ROWS},
    {CLOSS_F16, 40, 9, 3, true, true, WEIGHT_NONE, CLOSS_MSE, CLOSS_MEAN, BY_WEIGHT, BLAS},
    {CLOSS_F16, 40, 9, 1, false, true, WEIGHT_SAMPLE, CLOSS_HUBER, CLOSS_MEAN, BY_WEIGHT, BLAS},
};

static bool possible(const test_device *device, closs_dtype dtype) {
  return dtype == CLOSS_F64 ? device->fp64 : dtype == CLOSS_F16 ? has_half(device) : true;
}

static void test_results(void **state) {
  const test_device *device = *state;
  size_t done = 0;
  for (size_t i = 0; i < TEST_COUNT(cases); i++) {
    if (!possible(device, cases[i].dtype)) continue;
    layer l = make(device, &cases[i]);
    assert_int_equal(closs_linear_product_of(l.linear), cases[i].product);
    enqueue(&l);
    expect_all(&l);
    release(&l);
    done++;
  }
  printf("%zu of %zu cases\n", done, TEST_COUNT(cases));
}

/* The loss at W with one element moved. */
static double loss_at(layer *l, const matrix *m, uint64_t at, double step) {
  double moved = m->values[at] + step, loss;
  size_t where = EXTRA + (size_t)(at / m->columns * m->leading + at % m->columns);
  test_cl(clEnqueueWriteBuffer(l->device->queue, m->buffer.memory, CL_TRUE, where * sizeof moved, sizeof moved, &moved,
                               0, NULL, NULL),
          "write");
  enqueue(l);
  fetch(l, &l->loss);
  loss = l->loss.values[0];
  test_cl(clEnqueueWriteBuffer(l->device->queue, m->buffer.memory, CL_TRUE, where * sizeof moved, sizeof moved,
                               &m->values[at], 0, NULL, NULL),
          "write");
  return loss;
}

/* Gradients of W, b and X are how the loss moves: f64, mse, where central differences are exact but for rounding. */
static void test_finite_differences(void **state) {
  const test_device *device = *state;
  if (!device->fp64) skip();
  const layer_case both[] = {{CLOSS_F64, 30, 5, 3, true, true, WEIGHT_SAMPLE, CLOSS_MSE, CLOSS_MEAN, BY_WEIGHT, BLAS},
                             {CLOSS_F64, 30, 5, 1, true, true, WEIGHT_SAMPLE, CLOSS_MSE, CLOSS_MEAN, BY_COUNT, ROWS}};
  for (size_t i = 0; i < TEST_COUNT(both); i++) {
    layer l = make(device, &both[i]);
    enqueue(&l);
    fetch(&l, &l.w_gradient);
    fetch(&l, &l.b_gradient);
    bool has_x = both[i].product != ROWS;
    if (has_x) fetch(&l, &l.x_gradient);
    const struct {
      const matrix *of, *gradient;
    } pairs[] = {{&l.w, &l.w_gradient}, {&l.b, &l.b_gradient}, {&l.x, &l.x_gradient}};
    for (size_t k = 0; k < (has_x ? 3u : 2u); k++) {
      for (uint64_t at = 0; at < pairs[k].of->rows * pairs[k].of->columns; at++) {
        double slope = (loss_at(&l, pairs[k].of, at, 0.125) - loss_at(&l, pairs[k].of, at, -0.125)) / 0.25;
        double got = pairs[k].gradient->values[at] / 1.5; /* the upstream gradient */
        if (!(fabs(slope - got) < 1e-12 * (1 + fabs(slope)))) fail_msg("%.17g, expected %.17g", got, slope);
      }
    }
    release(&l);
  }
}

/* On CPUs the kernel of rows where it can be, else CLBlast. */
static void test_choice(void **state) {
  const test_device *device = *state;
  layer_case c = cases[3];
  cl_device_type type = 0;
  clGetDeviceInfo(device->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
  c.product = CLOSS_LINEAR_PRODUCT_AUTO;
  layer many = make(device, &c);
  assert_int_equal(closs_linear_product_of(many.linear), BLAS);
  enqueue(&many);
  expect_all(&many);
  release(&many);
  closs_linear_options o = options_of(&cases[2]);
  closs_linear *linear;
  o.product = CLOSS_LINEAR_PRODUCT_AUTO;
  o.w_leading = 0;
  o.wanted = CLOSS_LINEAR_W_GRADIENT;
  assert_int_equal(closs_linear_create(device->closs, &o, &linear, NULL), CLOSS_OK);
  assert_int_equal(closs_linear_product_of(linear), type & CL_DEVICE_TYPE_CPU ? ROWS : BLAS);
  closs_linear_destroy(linear);
}

/* Other parameters: the loss of the new ones, without another preparation. */
static void test_parameters(void **state) {
  const test_device *device = *state;
  const closs_linear_product products[] = {BLAS, ROWS};
  closs_error error;
  for (size_t i = 0; i < 2; i++) {
    layer_case c = cases[2];
    c.product = products[i];
    c.gaps = false;
    layer l = make(device, &c);
    const closs_parameter wide = {"delta", 1e6}, wrong = {"delta", -1}, other = {"beta", 1};
    assert_int_equal(closs_linear_set_parameters(l.linear, &wide, 1, &error), CLOSS_OK);
    assert_int_equal(closs_linear_set_parameters(l.linear, &wrong, 1, &error), CLOSS_INVALID_ARGUMENT);
    assert_int_equal(closs_linear_set_parameters(l.linear, &other, 1, &error), CLOSS_INVALID_ARGUMENT);
    assert_int_equal(closs_linear_set_parameters(l.linear, NULL, 1, &error), CLOSS_INVALID_ARGUMENT);
    enqueue(&l);
    fetch(&l, &l.predictions);
    fetch(&l, &l.loss);
    fetch(&l, &l.w_gradient);
    double loss = 0, slope = 0, sizes = 0; /* half of mse */
    for (uint64_t k = 0; k < c.rows; k++) {
      double d = l.predictions.values[k] - l.y.values[k], term = 1.5 * d * l.x.values[k * c.features] / (double)c.rows;
      loss += 0.5 * d * d / (double)c.rows;
      slope += term;
      sizes += fabs(term);
    }
    assert_true(fabs(l.loss.values[0] - loss) < 1e-6 * loss);
    expect(&l, "dW", 0, l.w_gradient.values[0], slope, sizes, (double)c.rows);
    release(&l);
  }
}

/* Nothing runs before the wait list, and the event comes when everything is there. */
static void test_events(void **state) {
  const test_device *device = *state;
  cl_int code, status = CL_QUEUED;
  closs_error error;
  cl_event event = NULL, gate = clCreateUserEvent(device->context, &code);
  test_cl(code, "clCreateUserEvent");
  layer l = make(device, &cases[6]);
  enqueue(&l); /* whatever compiles has compiled */
  test_cl(clFinish(device->queue), "clFinish");
  if (closs_linear_enqueue(l.linear, device->queue, &l.buffers, 1, &gate, &event, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  test_cl(clFlush(device->queue), "clFlush");
  test_cl(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL), "clGetEventInfo");
  assert_true(status > CL_COMPLETE);
  test_cl(clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus");
  test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
  expect_all(&l);
  clReleaseEvent(event);
  clReleaseEvent(gate);
  release(&l);
}

/* ---- what is refused ---- */

static void refuse_options(const test_device *device, closs_linear_options o, closs_status status, const char *text) {
  closs_linear *linear = (closs_linear *)&o;
  closs_error error = {CLOSS_OK, 0, ""};
  if (closs_linear_create(device->closs, &o, &linear, &error) != status || strstr(error.text, text) == NULL)
    fail_msg("%s: %s, expected %s", closs_status_name(error.status), error.text, text);
  assert_null(linear);
}

static void test_refused_options(void **state) {
  const test_device *device = *state;
  const closs_linear_options good = options_of(&cases[3]), one = options_of(&cases[6]);
  closs_tensor weight = closs_tensor_contiguous(CLOSS_F32, 2, (uint64_t[]){66, 1});
  closs_linear_options o;
#define REFUSE(change, status, text) (o = good, change, refuse_options(device, o, status, text))
  REFUSE(o.size = 8, CLOSS_INVALID_ARGUMENT, "options: size is 8, expected ");
  REFUSE(o.rows = 0, CLOSS_INVALID_ARGUMENT, "rows: 0, expected 1 or more");
  REFUSE(o.features = 0, CLOSS_INVALID_ARGUMENT, "features: 0, expected 1 or more");
  REFUSE(o.outputs = UINT64_MAX, CLOSS_INVALID_ARGUMENT, "outputs: 18446744073709551615, expected 1 or more");
  REFUSE(o.x_leading = 32, CLOSS_INVALID_ARGUMENT, "x_leading: 32, expected 0 or at least the 33 features");
  REFUSE(o.w_leading = 4, CLOSS_INVALID_ARGUMENT, "w_leading: 4, expected 0 or at least the 5 outputs");
  REFUSE(o.y_leading = 1, CLOSS_INVALID_ARGUMENT, "y_leading: 1, expected 0 or at least the 5 outputs");
  REFUSE(o.x_leading = UINT64_MAX / 2, CLOSS_INVALID_ARGUMENT, "67 rows of it are more than memory has");
  REFUSE(o.wanted = 0, CLOSS_INVALID_ARGUMENT, "wanted: 0x0");
  REFUSE(o.wanted = 16, CLOSS_INVALID_ARGUMENT, "wanted: 0x10");
  REFUSE(o.bias = false, CLOSS_INVALID_ARGUMENT, "wanted: the gradient of b, and there is no bias");
  REFUSE(o.dtype = CLOSS_C64, CLOSS_UNSUPPORTED, "dtype: c64, expected f16, f32 or f64");
  REFUSE(o.dtype = CLOSS_I32, CLOSS_UNSUPPORTED, "dtype: i32");
  if (!device->fp64) REFUSE(o.dtype = CLOSS_F64, CLOSS_UNSUPPORTED, "has no fp64");
  if (!has_half(device)) REFUSE(o.dtype = CLOSS_F16, CLOSS_UNSUPPORTED, "has no cl_khr_fp16");
  REFUSE(o.loss = (closs_loss)99, CLOSS_INVALID_ARGUMENT, "loss");
  REFUSE(o.weight = &weight, CLOSS_INVALID_ARGUMENT, "weight: dimension 0 is 66, expected 1 or 67");
  weight.rank = 3;
  REFUSE(o.weight = &weight, CLOSS_INVALID_ARGUMENT, "weight: rank 3, expected 0 to 2");
  REFUSE(o.product = (closs_linear_product)7, CLOSS_INVALID_ARGUMENT, "product: 7 is none");
  REFUSE(o.product = ROWS, CLOSS_UNSUPPORTED, "product: rows: one output");
#undef REFUSE
#define REFUSE(change, text) (o = one, change, refuse_options(device, o, CLOSS_UNSUPPORTED, "product: rows: " text))
  weight = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){1});
  REFUSE(o.wanted |= CLOSS_LINEAR_X_GRADIENT, "it gives no dX");
  REFUSE(o.reduction = CLOSS_NONE, "its dW is that of a reduced loss");
  REFUSE(o.weight = &weight, "for dW the weights are");
  REFUSE(o.rows = UINT32_MAX, "f32 or f64");
  const closs_caps caps = device->closs->caps;
  device->closs->caps.platform = "rusticl"; /* which ends loops early */
  device->closs->caps.type = CLOSS_DEVICE_CPU;
  REFUSE(o.product = ROWS, "its loops are long, and the device ends such early");
  device->closs->caps = caps;
#undef REFUSE
  closs_linear *linear;
  closs_error error;
  assert_int_equal(closs_linear_create(NULL, &good, &linear, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_linear_create(device->closs, NULL, &linear, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_linear_create(device->closs, &good, NULL, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_linear_prepare(NULL, &error), CLOSS_INVALID_ARGUMENT);
  closs_linear_destroy(NULL);
}

static void refuse_enqueue(const layer *l, cl_command_queue queue, closs_linear_buffers b, closs_status status,
                           const char *text) {
  closs_error error = {CLOSS_OK, 0, ""};
  cl_event event = (cl_event)&error;
  if (closs_linear_enqueue(l->linear, queue, &b, 0, NULL, &event, &error) != status || strstr(error.text, text) == NULL)
    fail_msg("%s: %s, expected %s", closs_status_name(error.status), error.text, text);
  assert_null(event);
}

static void test_refused_buffers(void **state) {
  const test_device *device = *state;
  layer l = make(device, &cases[3]);
  closs_linear_buffers b;
  cl_int code;
#define REFUSE(change, text) (b = l.buffers, change, refuse_enqueue(&l, device->queue, b, CLOSS_INVALID_ARGUMENT, text))
  REFUSE(b.size = 8, "buffers: size is 8");
  REFUSE(b.x.memory = NULL, "x: the buffer is NULL, expected one of ");
  REFUSE(b.w.offset = 1 << 20, "w: needs bytes 4194304 to ");
  REFUSE(b.y.offset = UINT64_MAX / 4, "y: needs bytes ");
  REFUSE(b.weight.offset = 1 << 20, "weight: needs bytes ");
  REFUSE(b.workspace.offset = 8, "workspace: offset 8, expected a multiple of 16 bytes");
  REFUSE(b.workspace.offset = 32, "workspace: needs bytes ");
  REFUSE(b.predictions = b.y, "predictions: bytes 20 to ");
  REFUSE(b.predictions = b.y, "of its root buffer overlap y, bytes 20 to ");
  REFUSE(b.w_gradient = b.w, "w_gradient: bytes ");
  REFUSE(b.x_gradient = b.x, "x_gradient: bytes ");
  REFUSE(b.b_gradient = b.loss, "b_gradient: bytes ");
#undef REFUSE
  cl_command_queue out_of_order =
      clCreateCommandQueue(device->context, device->device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  if (out_of_order != NULL) {
    refuse_enqueue(&l, out_of_order, l.buffers, CLOSS_UNSUPPORTED, "queue: it is out of order");
    clReleaseCommandQueue(out_of_order);
  }
  closs_error error;
  assert_int_equal(closs_linear_enqueue(l.linear, NULL, &l.buffers, 0, NULL, NULL, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_linear_enqueue(l.linear, device->queue, &l.buffers, 1, NULL, NULL, &error),
                   CLOSS_INVALID_ARGUMENT);
  closs_linear *unprepared;
  l.options.weight = &l.weight_tensor;
  assert_int_equal(closs_linear_create(device->closs, &l.options, &unprepared, &error), CLOSS_OK);
  assert_int_equal(closs_linear_enqueue(unprepared, device->queue, &l.buffers, 0, NULL, NULL, &error),
                   CLOSS_NOT_PREPARED);
  closs_linear_destroy(unprepared);
  release(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_results),         cmocka_unit_test(test_finite_differences),
      cmocka_unit_test(test_choice),          cmocka_unit_test(test_parameters),
      cmocka_unit_test(test_events),          cmocka_unit_test(test_refused_options),
      cmocka_unit_test(test_refused_buffers),
  };
  return cmocka_run_group_tests(tests, test_device_setup, test_device_teardown);
}
