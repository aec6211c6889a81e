/* closs_reference() against the oracle, against a sum written out from the text of docs/numerics.md, and at the edges.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oracle/oracle.h"
#include "support/harness.h"
#include "support/work.h"

#define T float
#define NAME(name) name##_f32
#include "sums.inc"
#undef T
#undef NAME
#define T double
#define NAME(name) name##_f64
#include "sums.inc"
#undef T
#undef NAME

/* ---- Random computations of every kind against the oracle ---- */

static uint64_t below(uint64_t *stream, uint64_t limit) {
  return test_random(stream) % limit;
}

static double random_parameter(closs_loss loss, uint64_t *stream) {
  static const double values[] = {1, 0.5, 3, 0.1, (double)INFINITY, 0x1p-100, 0};
  return values[below(stream, loss == CLOSS_SMOOTH_L1 ? 7 : 6)];
}

/* A broadcast shape; sometimes long, sometimes empty. */
static closs_tensor random_shape(uint64_t *stream) {
  closs_tensor shape = {.rank = (uint32_t)below(stream, 5)};
  for (uint32_t d = 0; d < shape.rank; ++d)
    shape.shape[d] = 1 + below(stream, 5);
  if (shape.rank > 0 && below(stream, 100) == 0) shape.shape[below(stream, shape.rank)] = 400 + below(stream, 900);
  if (shape.rank > 0 && below(stream, 40) == 0) shape.shape[below(stream, shape.rank)] = 0;
  return shape;
}

/* Strides of any order and sign, with gaps; `repeats`: a stride may be 0. */
static void random_strides(closs_tensor *tensor, bool repeats, uint64_t *stream) {
  uint32_t order[CLOSS_MAX_RANK];
  int64_t step = 1 + (int64_t)below(stream, 2);
  for (uint32_t d = 0; d < tensor->rank; ++d)
    order[d] = d;
  for (uint32_t left = tensor->rank; left > 1; left--) {
    const uint32_t other = (uint32_t)below(stream, left), kept = order[left - 1];
    order[left - 1] = order[other];
    order[other] = kept;
  }
  for (uint32_t i = 0; i < tensor->rank; ++i) {
    const uint32_t d = order[i];
    tensor->strides[d] = below(stream, 3) == 0 ? -step : step;
    if (repeats && below(stream, 6) == 0) tensor->strides[d] = 0;
    step *= (int64_t)tensor->shape[d] + (int64_t)below(stream, 2);
  }
}

static closs_tensor random_tensor(closs_dtype dtype, const closs_tensor *shape, bool broadcasts, bool repeats,
                                  uint64_t *stream) {
  const uint32_t dropped = broadcasts && shape->rank > 0 && below(stream, 4) == 0 ? 1 : 0;
  closs_tensor tensor = closs_tensor_contiguous(dtype, shape->rank - dropped, shape->shape + dropped);
  for (uint32_t d = 0; broadcasts && d < tensor.rank; ++d)
    if (below(stream, 5) == 0) tensor.shape[d] = 1;
  tensor = closs_tensor_contiguous(dtype, tensor.rank, tensor.shape);
  if (below(stream, 2)) random_strides(&tensor, repeats, stream);
  return tensor;
}

static void add_array(test_work *work, enum test_slot slot, closs_tensor tensor, test_values values, uint64_t *stream) {
  work->arrays[slot] = test_array_make(&tensor, 0);
  test_array_fill(&work->arrays[slot], values, stream);
}

static closs_dtype random_real(uint64_t *stream) {
  return (closs_dtype)(1 + below(stream, CLOSS_F64));
}

static void random_mode(const test_work *work, int operand, uint32_t *mode, uint64_t *stream) {
  const closs_tensor *tensor = &work->arrays[operand].tensor;
  if (!(work->options.outputs & (uint32_t)CLOSS_OUTPUT_INPUT_GRADIENT << operand)) return;
  *mode = (uint32_t)below(stream, 3);
  bool apart = tensor->dtype >= CLOSS_F16;
  for (uint32_t d = 0; d < tensor->rank; ++d)
    if (tensor->strides[d] == 0 && tensor->shape[d] > 1) apart = false;
  if (!apart) *mode &= CLOSS_GRADIENT_ACCUMULATE;
}

static test_work random_work(uint64_t *stream) {
  test_work work = {.options = CLOSS_PLAN_OPTIONS_INIT, .upstream_value = 1};
  const bool any_complex = below(stream, 5) == 0;
  const closs_dtype narrow[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};
  const test_values values = (test_values)below(stream, TEST_VALUES_COUNT);
  const closs_tensor shape = random_shape(stream);
  closs_dtype types[2];
  for (int i = 0; i < 2; ++i)
    types[i] = below(stream, 3) == 0 ? random_real(stream) : narrow[below(stream, 4)];
  if (any_complex) types[below(stream, 2)] = below(stream, 2) ? CLOSS_C64 : CLOSS_C128;
  work.options.loss = any_complex ? CLOSS_L1 : (closs_loss)(1 + below(stream, closs_loss_count()));
  work.options.reduction = (closs_reduction)below(stream, 3);
  work.options.outputs = (uint32_t)(1 + below(stream, 7));
  work.options.mean_over = (closs_mean_over)below(stream, 2);
  test_work_parameter(&work, random_parameter(work.options.loss, stream));
  add_array(&work, TEST_INPUT, random_tensor(types[0], &shape, true, true, stream), values, stream);
  add_array(&work, TEST_TARGET, random_tensor(types[1], &shape, true, true, stream), values, stream);
  closs_tensor whole;
  assert_int_equal(
      closs_tensor_broadcast(&work.arrays[TEST_INPUT].tensor, &work.arrays[TEST_TARGET].tensor, &whole, NULL),
      CLOSS_OK);
  if (below(stream, 2))
    add_array(&work, TEST_WEIGHT, random_tensor(random_real(stream), &whole, true, true, stream),
              below(stream, 3) ? TEST_POSITIVE : values, stream);
  if (below(stream, 3) == 0)
    work.upstream_value = 0.1 - (double)below(stream, 3);
  else if (below(stream, 2) && work.options.reduction == CLOSS_NONE)
    add_array(&work, TEST_UPSTREAM, random_tensor(random_real(stream), &whole, false, true, stream), values, stream);
  else if (below(stream, 2))
    add_array(&work, TEST_UPSTREAM, closs_tensor_contiguous(random_real(stream), 0, NULL), TEST_PLAIN, stream);
  random_mode(&work, 0, &work.options.input_gradient_mode, stream);
  random_mode(&work, 1, &work.options.target_gradient_mode, stream);
  test_work_outputs(&work, 0);
  return work;
}

/* The name of a random computation: enough to find it again. */
static void describe(const test_work *work, unsigned number, char *text, size_t size) {
  snprintf(text, size, "computation %u: %s %g, %s, %s and %s, weight %s, outputs %u, modes %u %u", number,
           closs_loss_by_id(work->options.loss)->name, work->parameter.value,
           closs_reduction_name(work->options.reduction), closs_dtype_name(work->arrays[TEST_INPUT].tensor.dtype),
           closs_dtype_name(work->arrays[TEST_TARGET].tensor.dtype),
           work->arrays[TEST_WEIGHT].bytes ? closs_dtype_name(work->arrays[TEST_WEIGHT].tensor.dtype) : "none",
           (unsigned)work->options.outputs, (unsigned)work->options.input_gradient_mode,
           (unsigned)work->options.target_gradient_mode);
}

static void random_computations(void **state) {
  (void)state;
  uint64_t stream = 20;
  for (unsigned i = 0; i < 12000; ++i) {
    char what[256];
    test_results results;
    closs_error error = {CLOSS_OK, 0, ""};
    test_work work = random_work(&stream);
    describe(&work, i, what, sizeof what);
    if (test_work_reference(&work, &results, &error) != CLOSS_OK) fail_msg("%s: %s", what, error.text);
    test_work_bounds(&work, &results, 0, what);
    for (enum test_slot slot = TEST_LOSS; slot < TEST_SLOTS; ++slot)
      if (results.arrays[slot].bytes) test_array_sound(&results.arrays[slot], what);
    test_results_free(&results);
    test_work_free(&work);
  }
}

/* ---- The canonical sum, to the bit ---- */

/* The sum of signed terms: l1 of magnitudes, weighted by +-1. */
static void sum_of(closs_dtype dtype, size_t count, const void *terms, void *sum) {
  const size_t size = closs_dtype_size(dtype);
  const uint64_t shape[] = {count};
  unsigned char *magnitudes = test_allocate(count * size);
  int8_t *signs = test_allocate(count);
  const double zero = 0;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  memcpy(magnitudes, terms, count * size);
  for (size_t i = 0; i < count; ++i)
    signs[i] =
        (size == sizeof(float) ? signbit(((const float *)terms)[i]) : signbit(((const double *)terms)[i])) ? -1 : 1;
  const closs_tensor weight = closs_tensor_contiguous(CLOSS_I8, 1, shape);
  options.loss = CLOSS_L1;
  options.reduction = CLOSS_SUM;
  options.input = closs_tensor_contiguous(dtype, 1, shape);
  options.target = closs_tensor_contiguous(dtype, 0, NULL);
  options.weight = &weight;
  arrays.input = magnitudes;
  arrays.target = &zero;
  arrays.weight = signs;
  arrays.loss = sum;
  assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
  free(magnitudes);
  free(signs);
}

/*
 * The terms of the first half come again in another order and with the other sign, over a range of magnitudes that no
 * pair holds: the exact sum is 0, and what is left is the rounding of one order of additions and of no other.
 */
static void fill_opposite(float *narrow, double *full, size_t count, uint64_t *stream) {
  const size_t half = count / 2;
  narrow[count - 1] = 0;
  full[count - 1] = 0;
  for (size_t i = 0; i < half; ++i) {
    const uint64_t random = test_random(stream);
    const int exponent = (int)(random >> 32) % 63 - 31;
    const size_t other = half + i * 1021 % half; /* 1021 is a prime that no half is a multiple of */
    narrow[i] = ldexpf(1 + (float)(random % 8388608) * 0x1p-23F, exponent);
    narrow[other] = -narrow[i];
    full[i] = ldexp(1 + (double)(random >> 12) * 0x1p-52, 5 * exponent);
    full[other] = -full[i];
  }
}

static void sums_are_the_published_ones(void **state) {
  (void)state;
  unsigned narrow_noise = 0, full_noise = 0;
  static const size_t counts[] = {
      0, 1, 2, 63, 64, 65, 4095, 4096, 4097, 8192, 3 * 4096, 3 * 4096 + 1, 7 * 4096 + 100, 100003};
  uint64_t stream = 21;
  for (unsigned i = 0; i < TEST_COUNT(counts); ++i)
    for (int repeat = 0; repeat < 15; ++repeat) {
      const test_values values = repeat < 5 ? TEST_PLAIN : TEST_POSITIVE;
      float *narrow = test_allocate(counts[i] * sizeof *narrow), narrow_sum;
      double *full = test_allocate(counts[i] * sizeof *full), full_sum;
      test_fill(CLOSS_F32, narrow, counts[i], values, &stream);
      test_fill(CLOSS_F64, full, counts[i], values, &stream);
      if (repeat >= 10 && counts[i] > 0) fill_opposite(narrow, full, counts[i], &stream);
      sum_of(CLOSS_F32, counts[i], narrow, &narrow_sum);
      sum_of(CLOSS_F64, counts[i], full, &full_sum);
      const float narrow_expected = naive_value_f32(naive_sum_f32(narrow, counts[i]));
      const double full_expected = naive_value_f64(naive_sum_f64(full, counts[i]));
      assert_memory_equal(&narrow_sum, &narrow_expected, sizeof narrow_sum);
      assert_memory_equal(&full_sum, &full_expected, sizeof full_sum);
      narrow_noise += repeat >= 10 && narrow_sum != 0;
      full_noise += repeat >= 10 && full_sum != 0;
      free(narrow);
      free(full);
    }
  assert_true(narrow_noise > TEST_COUNT(counts) && full_noise > TEST_COUNT(counts)); /* else the order is not seen */
}

/* ---- Edges: one element of f32 each, and what must come out, bit for bit ---- */

#define INF ((float)INFINITY)
#define NOT ((float)NAN)

typedef struct edge {
  closs_loss loss;
  double parameter;
  float input, target, weight;
  float loss_expected, gradient_expected;
} edge;

static const edge edges[] = {
    {CLOSS_L1, 0, 2, 2, 1, 0, 0},
    {CLOSS_L1, 0, -0.0f, 0, 1, 0, 0},
    {CLOSS_L1, 0, 1, 3, 2, 4, -2},
    {CLOSS_L1, 0, INF, 1, 1, INF, 1},
    {CLOSS_L1, 0, INF, INF, 1, NOT, NOT},
    {CLOSS_L1, 0, INF, -INF, 1, INF, 1},
    {CLOSS_L1, 0, NOT, 1, 1, NOT, NOT},
    {CLOSS_L1, 0, INF, 1, 0, NOT, 0},
    {CLOSS_MSE, 0, 5, 2, 1, 9, 6},
    {CLOSS_MSE, 0, -INF, 1, 1, INF, -INF},
    {CLOSS_MSE, 0, NOT, 1, 1, NOT, NOT},
    {CLOSS_MSE, 0, 0x1p100f, 0, 1, INF, 0x1p101f},
    {CLOSS_SMOOTH_L1, 1, 1.5f, 1, 1, 0.125f, 0.5f},
    {CLOSS_SMOOTH_L1, 1, 2, 1, 1, 0.5f, 1},
    {CLOSS_SMOOTH_L1, 0.5, 1, 4, 1, 2.75f, -1},
    {CLOSS_SMOOTH_L1, 0.5, 1, INF, 1, INF, -1},
    {CLOSS_SMOOTH_L1, 0.5, NOT, 0, 1, NOT, NOT},
    {CLOSS_SMOOTH_L1, 0, 3, 3, 1, 0, 0},
    {CLOSS_SMOOTH_L1, 0, 3, 5, 1, 2, -1},
    {CLOSS_SMOOTH_L1, 0, NOT, 5, 1, NOT, NOT},
    {CLOSS_SMOOTH_L1, (double)INFINITY, 3, 5, 1, 0, 0},
    {CLOSS_SMOOTH_L1, (double)INFINITY, INF, 5, 1, NOT, 1},
    {CLOSS_SMOOTH_L1, (double)INFINITY, NOT, 5, 1, NOT, NOT},
    {CLOSS_HUBER, 2, 1, 3, 1, 2, -2},
    {CLOSS_HUBER, 2, 4, 1, 1, 4, 2},
    {CLOSS_HUBER, 2, -INF, 1, 1, INF, -2},
    {CLOSS_HUBER, 2, NOT, 1, 1, NOT, NOT},
    {CLOSS_HUBER, (double)INFINITY, 5, 1, 1, 8, 4},
    {CLOSS_HUBER, (double)INFINITY, INF, 1, 1, INF, INF},
    {CLOSS_HUBER, (double)INFINITY, NOT, 1, 1, NOT, NOT},
};

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return value != value ? 0x7fc00000 : value == 0 ? 0 : bits;
}

static void edge_cases(void **state) {
  (void)state;
  for (unsigned i = 0; i < TEST_COUNT(edges); ++i) {
    const edge *e = &edges[i];
    const closs_tensor scalar = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
    const closs_parameter parameter = {e->loss == CLOSS_HUBER ? "delta" : "beta", e->parameter};
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    closs_arrays arrays = CLOSS_ARRAYS_INIT;
    uint32_t loss = 1, gradients[2] = {1, 1};
    options.loss = e->loss;
    options.reduction = CLOSS_SUM;
    options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
    options.parameters = &parameter;
    options.parameter_count = e->loss >= CLOSS_SMOOTH_L1;
    options.input = options.target = scalar;
    options.weight = &scalar;
    arrays.input = &e->input;
    arrays.target = &e->target;
    arrays.weight = &e->weight;
    arrays.loss = &loss;
    arrays.input_gradient = &gradients[0];
    arrays.target_gradient = &gradients[1];
    assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
    if (loss != bits_of(e->loss_expected) || gradients[0] != bits_of(e->gradient_expected) ||
        gradients[1] != bits_of(-e->gradient_expected))
      fail_msg("edge %u: loss %08x, gradients %08x %08x", i, loss, gradients[0], gradients[1]);
  }
}

/* Means over weights of two elements: loss, and gradient of the first. */
static void weighted_means(void **state) {
  (void)state;
  static const struct {
    float weights[2], loss, gradient;
  } cases[] = {
      {{1, 3}, 3.5f, 0.25f},          {{0, 0}, NOT, NOT},      {{1, -1}, -INF, INF},
      {{-1, 1}, INF, -INF},           {{-1, -3}, 3.5f, 0.25f}, {{INF, 1}, NOT, NOT},
      {{NOT, 1}, NOT, NOT},           {{0, 2}, 4, 0},          {{0x1p-149f, 0}, 2, INF},
      {{0x1p127f, 0x1p127f}, NOT, 0},
  };
  const uint64_t shape[] = {2};
  const closs_tensor pair = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  const float input[] = {2, 4}, zeros[] = {0, 0};
  for (unsigned i = 0; i < TEST_COUNT(cases); ++i) {
    uint32_t loss, gradients[2];
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    closs_arrays arrays = CLOSS_ARRAYS_INIT;
    options.loss = CLOSS_L1;
    options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
    options.input = options.target = pair;
    options.weight = &pair;
    arrays.input = input;
    arrays.target = zeros;
    arrays.weight = cases[i].weights;
    arrays.loss = &loss;
    arrays.input_gradient = gradients;
    assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
    if (loss != bits_of(cases[i].loss) || gradients[0] != bits_of(cases[i].gradient))
      fail_msg("case %u: loss %08x, gradient %08x", i, loss, gradients[0]);
  }
}

/* Sums that overflow, or hold an infinity: no compensation makes NaN of them. */
static void infinite_sums(void **state) {
  (void)state;
  float terms[200];
  float sum;
  for (unsigned i = 0; i < TEST_COUNT(terms); ++i)
    terms[i] = 0x1p127f;
  sum_of(CLOSS_F32, TEST_COUNT(terms), terms, &sum);
  assert_int_equal(bits_of(sum), bits_of(INF));
  for (unsigned i = 0; i < TEST_COUNT(terms); ++i)
    terms[i] = i == 70 ? -INF : -1;
  sum_of(CLOSS_F32, TEST_COUNT(terms), terms, &sum);
  assert_int_equal(bits_of(sum), bits_of(-INF));
  terms[3] = INF;
  sum_of(CLOSS_F32, TEST_COUNT(terms), terms, &sum);
  assert_int_equal(bits_of(sum), bits_of(NOT));
}

/* ---- Empty arrays ---- */

static void empty_arrays(void **state) {
  (void)state;
  const uint64_t none[] = {0, 3}, row[] = {1, 3};
  for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction)
    for (int weighted = 0; weighted < 2; ++weighted) {
      float target[3] = {1, 2, 3}, loss = 7, gradient[3] = {7, 7, 7};
      const closs_tensor weight = closs_tensor_contiguous(CLOSS_F32, 2, none);
      closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
      closs_arrays arrays = CLOSS_ARRAYS_INIT;
      options.loss = CLOSS_L1;
      options.reduction = reduction;
      options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
      options.input = closs_tensor_contiguous(CLOSS_F32, 2, none);
      options.target = closs_tensor_contiguous(CLOSS_F32, 2, row);
      options.weight = weighted ? &weight : NULL;
      arrays.target = target;
      arrays.loss = &loss;
      arrays.target_gradient = gradient;
      arrays.upstream_value = (double)INFINITY;
      assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
      assert_int_equal(bits_of(loss), bits_of(reduction == CLOSS_NONE ? 7 : reduction == CLOSS_MEAN ? NOT : 0));
      for (int i = 0; i < 3; ++i)
        assert_int_equal(bits_of(gradient[i]), 0);
    }
}

/* ---- Both operands broadcast, both gradients in place ---- */

static void broadcast_in_place(void **state) {
  (void)state;
  const uint64_t column[] = {3, 1}, row[] = {1, 4};
  const float x[] = {1, -2, 3}, y[] = {0.5f, -1, 4, 2};
  float loss[2][12], dx[2][3], dy[2][4];
  for (int in_place = 0; in_place < 2; ++in_place) {
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    closs_arrays arrays = CLOSS_ARRAYS_INIT;
    float input[3], target[4];
    memcpy(input, x, sizeof x);
    memcpy(target, y, sizeof y);
    options.loss = CLOSS_MSE;
    options.reduction = CLOSS_NONE;
    options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
    options.input = closs_tensor_contiguous(CLOSS_F32, 2, column);
    options.target = closs_tensor_contiguous(CLOSS_F32, 2, row);
    options.input_gradient_mode = options.target_gradient_mode =
        in_place ? CLOSS_GRADIENT_IN_PLACE : CLOSS_GRADIENT_WRITE;
    arrays.input = input;
    arrays.target = target;
    arrays.loss = loss[in_place];
    arrays.input_gradient = in_place ? input : dx[0];
    arrays.target_gradient = in_place ? target : dy[0];
    assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
    if (in_place) {
      memcpy(dx[1], input, sizeof input);
      memcpy(dy[1], target, sizeof target);
    }
  }
  assert_true(dx[0][0] == -3 && dx[0][1] == -27 && dx[0][2] == 13);
  assert_true(loss[0][0] == 0.25f && loss[0][11] == 1);
  assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
  assert_memory_equal(dx[0], dx[1], sizeof dx[0]);
  assert_memory_equal(dy[0], dy[1], sizeof dy[0]);
}

/* ---- Complex numbers ---- */

static void complex_edges(void **state) {
  (void)state;
  static const struct {
    float d[2], loss, gradient[2];
  } cases[] = {
      {{3, -4}, 5, {0.6f, -0.8f}},
      {{0, 0}, 0, {0, 0}},
      {{0x1p127f, 0}, 0x1p127f, {1, 0}},
      {{0x1.fffffep127f, 0x1.fffffep127f}, INF, {0x1.6a09e8p-1f, 0x1.6a09e8p-1f}},
      {{0x1p-149f, 0}, 0x1p-149f, {1, 0}},
      {{0x3p-149f, 0x4p-149f}, 0x5p-149f, {0.6f, 0.8f}},
      {{INF, 1}, INF, {1, 0}},
      {{-INF, INF}, INF, {-0x1.6a09e6p-1f, 0x1.6a09e6p-1f}},
      {{1, -INF}, INF, {0, -1}},
      {{NOT, INF}, NOT, {NOT, NOT}},
      {{1, NOT}, NOT, {NOT, NOT}},
  };
  const closs_tensor scalar = closs_tensor_contiguous(CLOSS_C64, 0, NULL);
  const float zero[2] = {0, 0};
  for (unsigned i = 0; i < TEST_COUNT(cases); ++i) {
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    closs_arrays arrays = CLOSS_ARRAYS_INIT;
    uint32_t loss, gradient[2];
    options.loss = CLOSS_L1;
    options.reduction = CLOSS_NONE;
    options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
    options.input = options.target = scalar;
    arrays.input = cases[i].d;
    arrays.target = zero;
    arrays.loss = &loss;
    arrays.input_gradient = gradient;
    assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
    if (loss != bits_of(cases[i].loss) || gradient[0] != bits_of(cases[i].gradient[0]) ||
        gradient[1] != bits_of(cases[i].gradient[1]))
      fail_msg("case %u: loss %08x, gradient %08x %08x", i, loss, gradient[0], gradient[1]);
  }
}

/* ---- What is refused ---- */

static void refusals(void **state) {
  (void)state;
  const uint64_t shape[] = {4};
  float x[4] = {0};
  closs_error error = {CLOSS_OK, -1, ""};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  options.loss = CLOSS_MSE;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  arrays.input = arrays.target = x;
  assert_int_equal(closs_reference(&options, &arrays, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "loss: is NULL, expected 1 elements");
  arrays.loss = x;
  arrays.target = NULL;
  assert_int_equal(closs_reference(&options, &arrays, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "target: is NULL, expected 4 elements");
  arrays.target = x;
  options.total_terms = 8;
  assert_int_equal(closs_reference(&options, &arrays, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "total_terms: is 8, expected 0: the reference takes no pieces");
  options.total_terms = 0;
  arrays.size = 3;
  assert_int_equal(closs_reference(&options, &arrays, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_reference(&options, NULL, NULL), CLOSS_INVALID_ARGUMENT);
  options.loss = (closs_loss)0;
  arrays.size = sizeof arrays;
  assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_INVALID_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_computations),
      cmocka_unit_test(sums_are_the_published_ones),
      cmocka_unit_test(edge_cases),
      cmocka_unit_test(weighted_means),
      cmocka_unit_test(infinite_sums),
      cmocka_unit_test(empty_arrays),
      cmocka_unit_test(broadcast_in_place),
      cmocka_unit_test(complex_edges),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
