/* Pairwise coverage of everything that can be asked for: the device's bits are the reference's, and both lie within the
 * oracle's bounds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/pairwise.h"
#include "support/work.h"

typedef struct loss_case {
  closs_loss loss;
  double parameter;
} loss_case;

static const loss_case losses[] = {
    {CLOSS_L1, 0},
    {CLOSS_MSE, 0},
    {CLOSS_SMOOTH_L1, 1},
    {CLOSS_SMOOTH_L1, 0.5},
    {CLOSS_SMOOTH_L1, 0},
    {CLOSS_HUBER, 1},
    {CLOSS_HUBER, 0.5},
    {CLOSS_SMOOTH_L1, (double)INFINITY},
    {CLOSS_HUBER, (double)INFINITY},
};

enum weight_kind { NO_WEIGHT, SCALAR_WEIGHT, ROW_WEIGHT, FULL_WEIGHT, WEIGHT_KINDS };
enum upstream_kind { UPSTREAM_ONE, UPSTREAM_HOST, UPSTREAM_SCALAR, UPSTREAM_ARRAY, UPSTREAM_KINDS };
enum layout { CONTIGUOUS, SHIFTED, TRANSPOSED, NEGATIVE, PADDED, REPEATED, LAYOUTS };
static const closs_dtype other_types[] = {(closs_dtype)0, CLOSS_F16, CLOSS_BF16, CLOSS_F32,
                                          CLOSS_F64,      CLOSS_I32, CLOSS_BOOL}; /* 0: the loss's own */

/* Shapes of both operands; -1 is the length that is left to choose. */
typedef struct shape_case {
  int ranks[2];
  int shapes[2][CLOSS_MAX_RANK];
} shape_case;

static const shape_case shapes[] = {
    {{1, 1}, {{-1}, {-1}}},
    {{0, 0}, {{0}, {0}}},
    {{2, 2}, {{5, -1}, {5, -1}}},
    {{3, 3}, {{3, -1, 4}, {3, -1, 4}}},
    {{5, 5}, {{3, 2, -1, 1, 2}, {3, 2, -1, 1, 2}}},
    {{8, 8}, {{2, 1, 3, 2, 1, 2, 3, -1}, {2, 1, 3, 2, 1, 2, 3, -1}}},
    {{2, 1}, {{5, -1}, {-1}}},
    {{2, 2}, {{-1, 5}, {-1, 1}}},
    {{0, 2}, {{0}, {5, -1}}},
    {{2, 2}, {{-1, 1}, {1, 7}}},
    {{8, 7}, {{2, 1, 3, 2, 1, 2, 1, -1}, {1, 3, 1, 1, 2, 3, -1}}},
    {{3, 3}, {{3, 1, -1}, {3, 6, -1}}},
};

/* Terms to aim at: a tile and less, around a chunk, several chunks. */
static const unsigned lengths[] = {1, 63, 65, 200, 4095, 4096, 4097, 13001};

enum factor {
  LOSS,
  INPUT_TYPE,
  TARGET_TYPE,
  REDUCTION,
  OUTPUTS,
  WEIGHT,
  WEIGHT_TYPE,
  MEAN_OVER,
  UPSTREAM,
  UPSTREAM_TYPE,
  INPUT_MODE,
  TARGET_MODE,
  SHAPE,
  LENGTH,
  INPUT_LAYOUT,
  TARGET_LAYOUT,
  OTHER_LAYOUT, /* of weights, upstream gradients and results */
  VALUES,
  WEIGHT_SIGN,
  FACTORS
};

static const unsigned levels[FACTORS] = {
    [LOSS] = TEST_COUNT(losses),
    [INPUT_TYPE] = CLOSS_DTYPE_END - 1,
    [TARGET_TYPE] = CLOSS_DTYPE_END - 1,
    [REDUCTION] = 3,
    [OUTPUTS] = 7,
    [WEIGHT] = WEIGHT_KINDS,
    [WEIGHT_TYPE] = TEST_COUNT(other_types),
    [MEAN_OVER] = 2,
    [UPSTREAM] = UPSTREAM_KINDS,
    [UPSTREAM_TYPE] = TEST_COUNT(other_types),
    [INPUT_MODE] = 3,
    [TARGET_MODE] = 3,
    [SHAPE] = TEST_COUNT(shapes),
    [LENGTH] = TEST_COUNT(lengths),
    [INPUT_LAYOUT] = LAYOUTS,
    [TARGET_LAYOUT] = LAYOUTS,
    [OTHER_LAYOUT] = REPEATED, /* results cannot share elements */
    [VALUES] = 4,
    [WEIGHT_SIGN] = 2,
};

static closs_dtype type_of(unsigned level) {
  return (closs_dtype)(level + 1);
}

static bool settled(const unsigned *row, enum factor factor, unsigned level) {
  return row[factor] == level;
}

/* In place needs an operand of the gradient's own type whose elements are apart. */
static bool allows_place(const unsigned *row, enum factor mode, enum factor type, enum factor layout) {
  if (row[mode] == TEST_OPEN || !(row[mode] & CLOSS_GRADIENT_IN_PLACE)) return true;
  return (row[type] == TEST_OPEN || type_of(row[type]) >= CLOSS_F16) && !settled(row, layout, REPEATED);
}

static bool allowed(const unsigned *row) {
  for (enum factor type = INPUT_TYPE; type <= TARGET_TYPE; ++type)
    if (row[type] != TEST_OPEN && type_of(row[type]) >= CLOSS_C64 && row[LOSS] != TEST_OPEN && row[LOSS] != 0)
      return false;
  return allows_place(row, INPUT_MODE, INPUT_TYPE, INPUT_LAYOUT) &&
         allows_place(row, TARGET_MODE, TARGET_TYPE, TARGET_LAYOUT);
}

/* The fast path: one floating type, no broadcasting, everything row-major. Level 1 of a layout is still row-major. */
static bool allowed_contiguous(const unsigned *row) {
  for (enum factor type = INPUT_TYPE; type <= TARGET_TYPE; ++type)
    if (row[type] != TEST_OPEN && (type_of(row[type]) < CLOSS_F16 || type_of(row[type]) > CLOSS_F64)) return false;
  if (row[INPUT_TYPE] != TEST_OPEN && row[TARGET_TYPE] != TEST_OPEN && row[INPUT_TYPE] != row[TARGET_TYPE])
    return false;
  for (enum factor layout = INPUT_LAYOUT; layout <= OTHER_LAYOUT; ++layout)
    if (row[layout] != TEST_OPEN && row[layout] > SHIFTED) return false;
  return (row[SHAPE] == TEST_OPEN || row[SHAPE] < 4) && (row[WEIGHT_TYPE] == TEST_OPEN || row[WEIGHT_TYPE] == 0) &&
         (row[UPSTREAM_TYPE] == TEST_OPEN || row[UPSTREAM_TYPE] == 0) && !settled(row, WEIGHT, ROW_WEIGHT);
}

static closs_tensor lay_out(closs_dtype dtype, uint32_t rank, const uint64_t *shape, enum layout layout) {
  closs_tensor tensor = closs_tensor_contiguous(dtype, rank, shape);
  int64_t step = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    const uint32_t column = layout == TRANSPOSED ? i : rank - 1 - i;
    if (layout >= TRANSPOSED) tensor.strides[column] = step;
    step *= (int64_t)shape[column] + (layout == PADDED);
  }
  for (uint32_t i = 0; i < rank; ++i)
    tensor.strides[i] *= layout == NEGATIVE ? -1 : layout == PADDED ? 2 : 1;
  for (uint32_t i = 0; layout == REPEATED && i < rank; i += 2)
    tensor.strides[i] = 0;
  return tensor;
}

static test_array make_array(closs_dtype dtype, uint32_t rank, const uint64_t *shape, enum layout layout,
                             test_values values, uint64_t *stream) {
  const closs_tensor tensor = lay_out(dtype, rank, shape, layout);
  test_array array = test_array_make(&tensor, layout == SHIFTED ? 1 + test_random(stream) % 5 : 0);
  test_array_fill(&array, values, stream);
  return array;
}

/* The length that is left to choose, so that the terms come near the wanted number. */
static uint64_t free_length(const shape_case *shape, unsigned terms) {
  uint64_t others = 1;
  const int longest = shape->ranks[0] > shape->ranks[1] ? shape->ranks[0] : shape->ranks[1];
  for (int i = 1; i <= longest; ++i) {
    const int a = i <= shape->ranks[0] ? shape->shapes[0][shape->ranks[0] - i] : 1;
    const int b = i <= shape->ranks[1] ? shape->shapes[1][shape->ranks[1] - i] : 1;
    if (a > 0 && b > 0) others *= (uint64_t)(a > b ? a : b);
  }
  return terms > others ? terms / others : 1;
}

static test_array make_operand(const unsigned *row, unsigned operand, uint64_t *stream) {
  const shape_case *shape = &shapes[row[SHAPE]];
  const uint32_t rank = (uint32_t)shape->ranks[operand];
  uint64_t lengths_of[CLOSS_MAX_RANK] = {0};
  for (uint32_t i = 0; i < rank; ++i)
    lengths_of[i] =
        shape->shapes[operand][i] < 0 ? free_length(shape, lengths[row[LENGTH]]) : (uint64_t)shape->shapes[operand][i];
  static const test_values values[] = {TEST_PLAIN, TEST_GRID, TEST_EXTREME, TEST_SPECIAL};
  return make_array(type_of(row[INPUT_TYPE + operand]), rank, lengths_of, row[INPUT_LAYOUT + operand],
                    values[row[VALUES]], stream);
}

static void add_weight(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  static const test_values values[] = {TEST_POSITIVE, TEST_PLAIN};
  const closs_dtype dtype = other_types[row[WEIGHT_TYPE]] ? other_types[row[WEIGHT_TYPE]] : loss->dtype;
  uint32_t rank = loss->rank;
  if (row[WEIGHT] == NO_WEIGHT) return;
  if (row[WEIGHT] == SCALAR_WEIGHT) rank = 0;
  if (row[WEIGHT] == ROW_WEIGHT && rank > 1) rank = 1;
  work->arrays[TEST_WEIGHT] =
      make_array(dtype, rank, loss->shape + (loss->rank - rank), row[OTHER_LAYOUT], values[row[WEIGHT_SIGN]], stream);
}

static void add_upstream(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  const closs_dtype dtype = other_types[row[UPSTREAM_TYPE]] ? other_types[row[UPSTREAM_TYPE]] : loss->dtype;
  if (row[UPSTREAM] == UPSTREAM_HOST) work->upstream_value = -0.3;
  if (row[UPSTREAM] == UPSTREAM_SCALAR || (row[UPSTREAM] == UPSTREAM_ARRAY && row[REDUCTION] != CLOSS_NONE))
    work->arrays[TEST_UPSTREAM] = make_array(dtype, 0, NULL, row[OTHER_LAYOUT], TEST_PLAIN, stream);
  else if (row[UPSTREAM] == UPSTREAM_ARRAY)
    work->arrays[TEST_UPSTREAM] = make_array(dtype, loss->rank, loss->shape, row[OTHER_LAYOUT], TEST_PLAIN, stream);
}

static void add_outputs(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  const bool reduced = row[REDUCTION] != CLOSS_NONE;
  const uint32_t modes[] = {row[INPUT_MODE], row[TARGET_MODE]};
  static const uint32_t gradients[] = {CLOSS_OUTPUT_INPUT_GRADIENT, CLOSS_OUTPUT_TARGET_GRADIENT};
  if (work->options.outputs & CLOSS_OUTPUT_LOSS) {
    work->arrays[TEST_LOSS] =
        make_array(loss->dtype, reduced ? 0 : loss->rank, loss->shape, row[OTHER_LAYOUT], TEST_PLAIN, stream);
  }
  for (unsigned operand = 0; operand < 2; ++operand) {
    const closs_tensor *tensor = &work->arrays[operand].tensor;
    if (work->options.outputs & gradients[operand] && !(modes[operand] & CLOSS_GRADIENT_IN_PLACE))
      work->arrays[TEST_INPUT_GRADIENT + operand] =
          make_array(tensor->dtype < CLOSS_F16 ? loss->dtype : tensor->dtype, tensor->rank, tensor->shape,
                     row[OTHER_LAYOUT], TEST_PLAIN, stream);
  }
}

static test_work make_work(const unsigned *row, uint64_t *stream) {
  closs_tensor loss;
  test_work work = {.options = CLOSS_PLAN_OPTIONS_INIT, .upstream_value = 1};
  work.options.loss = losses[row[LOSS]].loss;
  work.options.reduction = (closs_reduction)row[REDUCTION];
  work.options.outputs = row[OUTPUTS] + 1;
  work.options.mean_over = (closs_mean_over)row[MEAN_OVER];
  if (work.options.outputs & CLOSS_OUTPUT_INPUT_GRADIENT) work.options.input_gradient_mode = row[INPUT_MODE];
  if (work.options.outputs & CLOSS_OUTPUT_TARGET_GRADIENT) work.options.target_gradient_mode = row[TARGET_MODE];
  test_work_parameter(&work, losses[row[LOSS]].parameter);
  work.arrays[TEST_INPUT] = make_operand(row, 0, stream);
  work.arrays[TEST_TARGET] = make_operand(row, 1, stream);
  assert_int_equal(
      closs_tensor_broadcast(&work.arrays[TEST_INPUT].tensor, &work.arrays[TEST_TARGET].tensor, &loss, NULL), CLOSS_OK);
  loss.dtype = closs_dtype_real(loss.dtype);
  add_weight(&work, row, &loss, stream);
  add_upstream(&work, row, &loss, stream);
  add_outputs(&work, row, &loss, stream);
  return work;
}

/* All a reader needs to find the row again: names, and the other factors' levels. */
static void describe(const unsigned *row, size_t number, char *text, size_t size) {
  static const char *const factors[FACTORS] = {
      [OUTPUTS] = "outputs-1", [WEIGHT] = "weight",       [WEIGHT_TYPE] = "weight type",
      [MEAN_OVER] = "over",    [UPSTREAM] = "upstream",   [UPSTREAM_TYPE] = "upstream type",
      [INPUT_MODE] = "mode",   [TARGET_MODE] = "mode",    [SHAPE] = "shape",
      [LENGTH] = "length",     [INPUT_LAYOUT] = "layout", [TARGET_LAYOUT] = "layout",
      [VALUES] = "values",     [OTHER_LAYOUT] = "layout", [WEIGHT_SIGN] = "sign"};
  const loss_case *loss = &losses[row[LOSS]];
  int used = snprintf(text, size, "row %zu: %s(%g) %s of %s and %s", number, closs_loss_by_id(loss->loss)->name,
                      loss->parameter, closs_reduction_name((closs_reduction)row[REDUCTION]),
                      closs_dtype_name(type_of(row[INPUT_TYPE])), closs_dtype_name(type_of(row[TARGET_TYPE])));
  for (unsigned f = 0; f < FACTORS; ++f)
    if (factors[f]) used += snprintf(text + used, size - (size_t)used, ", %s %u", factors[f], row[f]);
}

static void run_cover(const test_device *device, test_allowed rule, uint64_t seed) {
  size_t count, computed = 0;
  unsigned *rows = test_pairwise(FACTORS, levels, rule, seed, &count);
  for (size_t i = 0; i < count; i += test_every()) {
    const unsigned *row = rows + i * FACTORS;
    char text[400];
    uint64_t stream = seed * 1000 + i;
    test_results results;
    describe(row, i, text, sizeof text);
    test_work work = make_work(row, &stream);
    const closs_status status = test_work_compare(device, &work, text, &results);
    if (status == CLOSS_OK) {
      test_work_bounds(&work, &results, text);
      ++computed;
    } else if (device->fp64) {
      fail_msg("%s: %s", text, closs_status_name(status));
    }
    test_results_free(&results);
    test_work_free(&work);
  }
  printf("%zu rows cover all pairs, %zu computed\n", count, computed);
  free(rows);
}

static void test_all_pairs(void **state) {
  run_cover(*state, allowed, 1);
}

static void test_all_pairs_of_the_contiguous_path(void **state) {
  run_cover(*state, allowed_contiguous, 2);
}

/* Other rows, which hold other triples. */
static void test_more_pairs(void **state) {
  if (!getenv("CLOSS_TEST_FULL")) skip();
  for (uint64_t seed = 3; seed < 20; ++seed)
    run_cover(*state, seed % 2 ? allowed : allowed_contiguous, seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_pairs),
      cmocka_unit_test(test_all_pairs_of_the_contiguous_path),
  };
  const struct CMUnitTest more[] = {cmocka_unit_test(test_more_pairs)};
  int failed = cmocka_run_group_tests_name("matrix", tests, test_device_setup, test_device_teardown);
  if (getenv("CLOSS_TEST_FULL"))
    failed += cmocka_run_group_tests_name("more of the matrix", more, test_device_setup, test_device_teardown);
  return failed;
}
