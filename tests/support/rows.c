#include "rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

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
static const unsigned lengths[] = {1, 63, 65, 200, 4095, 4096, 4097, 13001, 36934};

const uint32_t test_groups[] = {0, 1, 2, 8, 32, 64, 256, 1024}, test_widths[] = {0, 1, 2, 4};

const unsigned test_row_levels[TEST_FACTORS] = {
    [TEST_LOSS_CASE] = TEST_COUNT(losses),
    [TEST_INPUT_TYPE] = CLOSS_DTYPE_END - 1,
    [TEST_TARGET_TYPE] = CLOSS_DTYPE_END - 1,
    [TEST_REDUCTION] = 3,
    [TEST_OUTPUTS] = 7,
    [TEST_WEIGHT_KIND] = WEIGHT_KINDS,
    [TEST_WEIGHT_TYPE] = TEST_COUNT(other_types),
    [TEST_MEAN_OVER] = 2,
    [TEST_UPSTREAM_KIND] = UPSTREAM_KINDS,
    [TEST_UPSTREAM_TYPE] = TEST_COUNT(other_types),
    [TEST_INPUT_MODE] = 3,
    [TEST_TARGET_MODE] = 3,
    [TEST_SHAPE] = TEST_COUNT(shapes),
    [TEST_LENGTH] = TEST_COUNT(lengths),
    [TEST_INPUT_LAYOUT] = LAYOUTS,
    [TEST_TARGET_LAYOUT] = LAYOUTS,
    [TEST_OTHER_LAYOUT] = REPEATED, /* results cannot share elements */
    [TEST_ELEMENTS] = 4,
    [TEST_WEIGHT_SIGN] = 2,
    [TEST_SCHEDULE] = 3,
    [TEST_GROUP] = TEST_COUNT(test_groups),
    [TEST_WIDTH] = TEST_COUNT(test_widths),
};

static closs_dtype type_of(unsigned level) {
  return (closs_dtype)(level + 1);
}

bool test_row_in(const unsigned *row, enum test_factor factor, uint32_t levels) {
  return row[factor] == TEST_OPEN || (levels >> row[factor] & 1);
}

/* Levels of the types from one to another. */
static uint32_t types(closs_dtype first, closs_dtype last) {
  return (1u << last) - (1u << (first - 1));
}

/* In place needs an operand of the gradient's own type whose elements are apart. */
static bool allows_place(const unsigned *row, enum test_factor mode, enum test_factor type, enum test_factor layout) {
  if (row[mode] == TEST_OPEN || !(row[mode] & CLOSS_GRADIENT_IN_PLACE)) return true;
  return test_row_in(row, type, types(CLOSS_F16, CLOSS_C128)) && row[layout] != REPEATED;
}

/* Only schedule groups has a size and a width, and a width only of operands that are contiguous. */
static bool allows_schedule(const unsigned *row) {
  const bool chosen = !test_row_in(row, TEST_GROUP, 1) || !test_row_in(row, TEST_WIDTH, 1);
  if (chosen && !test_row_in(row, TEST_SCHEDULE, 1u << CLOSS_SCHEDULE_GROUPS)) return false;
  return test_row_in(row, TEST_WIDTH, 3) || test_row_contiguous(row);
}

bool test_row_allowed(const unsigned *row) {
  for (enum test_factor type = TEST_INPUT_TYPE; type <= TEST_TARGET_TYPE; ++type)
    if (!test_row_in(row, type, types(CLOSS_BOOL, CLOSS_F64)) && !test_row_in(row, TEST_LOSS_CASE, 1)) return false;
  return allows_place(row, TEST_INPUT_MODE, TEST_INPUT_TYPE, TEST_INPUT_LAYOUT) &&
         allows_place(row, TEST_TARGET_MODE, TEST_TARGET_TYPE, TEST_TARGET_LAYOUT) && allows_schedule(row);
}

bool test_row_contiguous(const unsigned *row) {
  const uint32_t floating = types(CLOSS_F16, CLOSS_F64);
  if (!test_row_in(row, TEST_INPUT_TYPE, floating) || !test_row_in(row, TEST_TARGET_TYPE, floating)) return false;
  if (row[TEST_INPUT_TYPE] != TEST_OPEN && !test_row_in(row, TEST_TARGET_TYPE, 1u << row[TEST_INPUT_TYPE]))
    return false;
  for (enum test_factor layout = TEST_INPUT_LAYOUT; layout <= TEST_OTHER_LAYOUT; ++layout)
    if (!test_row_in(row, layout, 1u << CONTIGUOUS | 1u << SHIFTED)) return false;
  return test_row_in(row, TEST_SHAPE, 15) && test_row_in(row, TEST_WEIGHT_TYPE, 1) &&
         test_row_in(row, TEST_UPSTREAM_TYPE, 1) && row[TEST_WEIGHT_KIND] != ROW_WEIGHT;
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
  test_array array = test_array_make(&tensor, layout == SHIFTED ? 1 + (size_t)(test_random(stream) % 5) : 0);
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
  const shape_case *shape = &shapes[row[TEST_SHAPE]];
  const uint32_t rank = (uint32_t)shape->ranks[operand];
  uint64_t lengths_of[CLOSS_MAX_RANK] = {0};
  for (uint32_t i = 0; i < rank; ++i)
    lengths_of[i] = shape->shapes[operand][i] < 0 ? free_length(shape, lengths[row[TEST_LENGTH]])
                                                  : (uint64_t)shape->shapes[operand][i];
  static const test_values values[] = {TEST_PLAIN, TEST_GRID, TEST_EXTREME, TEST_SPECIAL};
  return make_array(type_of(row[TEST_INPUT_TYPE + operand]), rank, lengths_of, row[TEST_INPUT_LAYOUT + operand],
                    values[row[TEST_ELEMENTS]], stream);
}

static void add_weight(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  static const test_values values[] = {TEST_POSITIVE, TEST_PLAIN};
  const closs_dtype dtype = other_types[row[TEST_WEIGHT_TYPE]] ? other_types[row[TEST_WEIGHT_TYPE]] : loss->dtype;
  uint32_t rank = loss->rank;
  if (row[TEST_WEIGHT_KIND] == NO_WEIGHT) return;
  if (row[TEST_WEIGHT_KIND] == SCALAR_WEIGHT) rank = 0;
  if (row[TEST_WEIGHT_KIND] == ROW_WEIGHT && rank > 1) rank = 1;
  work->arrays[TEST_WEIGHT] = make_array(dtype, rank, loss->shape + (loss->rank - rank), row[TEST_OTHER_LAYOUT],
                                         values[row[TEST_WEIGHT_SIGN]], stream);
}

static void add_upstream(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  const closs_dtype dtype = other_types[row[TEST_UPSTREAM_TYPE]] ? other_types[row[TEST_UPSTREAM_TYPE]] : loss->dtype;
  if (row[TEST_UPSTREAM_KIND] == UPSTREAM_HOST) work->upstream_value = -0.3;
  if (row[TEST_UPSTREAM_KIND] == UPSTREAM_SCALAR ||
      (row[TEST_UPSTREAM_KIND] == UPSTREAM_ARRAY && row[TEST_REDUCTION] != CLOSS_NONE))
    work->arrays[TEST_UPSTREAM] = make_array(dtype, 0, NULL, row[TEST_OTHER_LAYOUT], TEST_PLAIN, stream);
  else if (row[TEST_UPSTREAM_KIND] == UPSTREAM_ARRAY)
    work->arrays[TEST_UPSTREAM] =
        make_array(dtype, loss->rank, loss->shape, row[TEST_OTHER_LAYOUT], TEST_PLAIN, stream);
}

static void add_outputs(test_work *work, const unsigned *row, const closs_tensor *loss, uint64_t *stream) {
  const bool reduced = row[TEST_REDUCTION] != CLOSS_NONE;
  const uint32_t modes[] = {row[TEST_INPUT_MODE], row[TEST_TARGET_MODE]};
  static const uint32_t gradients[] = {CLOSS_OUTPUT_INPUT_GRADIENT, CLOSS_OUTPUT_TARGET_GRADIENT};
  if (work->options.outputs & CLOSS_OUTPUT_LOSS) {
    work->arrays[TEST_LOSS] =
        make_array(loss->dtype, reduced ? 0 : loss->rank, loss->shape, row[TEST_OTHER_LAYOUT], TEST_PLAIN, stream);
  }
  for (unsigned operand = 0; operand < 2; ++operand) {
    const closs_tensor *tensor = &work->arrays[operand].tensor;
    if (work->options.outputs & gradients[operand] && !(modes[operand] & CLOSS_GRADIENT_IN_PLACE))
      work->arrays[TEST_INPUT_GRADIENT + operand] =
          make_array(tensor->dtype < CLOSS_F16 ? loss->dtype : tensor->dtype, tensor->rank, tensor->shape,
                     row[TEST_OTHER_LAYOUT], TEST_PLAIN, stream);
  }
}

static test_work make_work(const unsigned *row, uint64_t *stream) {
  closs_tensor loss;
  test_work work = {.options = CLOSS_PLAN_OPTIONS_INIT, .upstream_value = 1};
  work.options.loss = losses[row[TEST_LOSS_CASE]].loss;
  work.options.reduction = (closs_reduction)row[TEST_REDUCTION];
  work.options.outputs = row[TEST_OUTPUTS] + 1;
  work.options.mean_over = (closs_mean_over)row[TEST_MEAN_OVER];
  work.options.schedule = (closs_schedule)row[TEST_SCHEDULE];
  work.options.work_group = test_groups[row[TEST_GROUP]];
  work.options.vector_width = test_widths[row[TEST_WIDTH]];
  if (work.options.outputs & CLOSS_OUTPUT_INPUT_GRADIENT) work.options.input_gradient_mode = row[TEST_INPUT_MODE];
  if (work.options.outputs & CLOSS_OUTPUT_TARGET_GRADIENT) work.options.target_gradient_mode = row[TEST_TARGET_MODE];
  test_work_parameter(&work, losses[row[TEST_LOSS_CASE]].parameter);
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
  static const char *const factors[TEST_FACTORS] = {[TEST_OUTPUTS] = "outputs-1",
                                                    [TEST_WEIGHT_KIND] = "weight",
                                                    [TEST_WEIGHT_TYPE] = "weight type",
                                                    [TEST_MEAN_OVER] = "over",
                                                    [TEST_UPSTREAM_KIND] = "upstream",
                                                    [TEST_UPSTREAM_TYPE] = "upstream type",
                                                    [TEST_INPUT_MODE] = "mode",
                                                    [TEST_TARGET_MODE] = "mode",
                                                    [TEST_SHAPE] = "shape",
                                                    [TEST_LENGTH] = "length",
                                                    [TEST_INPUT_LAYOUT] = "layout",
                                                    [TEST_TARGET_LAYOUT] = "layout",
                                                    [TEST_ELEMENTS] = "values",
                                                    [TEST_OTHER_LAYOUT] = "layout",
                                                    [TEST_WEIGHT_SIGN] = "sign",
                                                    [TEST_SCHEDULE] = "schedule",
                                                    [TEST_GROUP] = "group",
                                                    [TEST_WIDTH] = "width"};
  const loss_case *loss = &losses[row[TEST_LOSS_CASE]];
  int used =
      snprintf(text, size, "row %zu: %s(%g) %s of %s and %s", number, closs_loss_by_id(loss->loss)->name,
               loss->parameter, closs_reduction_name((closs_reduction)row[TEST_REDUCTION]),
               closs_dtype_name(type_of(row[TEST_INPUT_TYPE])), closs_dtype_name(type_of(row[TEST_TARGET_TYPE])));
  for (unsigned f = 0; f < TEST_FACTORS; ++f)
    if (factors[f]) used += snprintf(text + used, size - (size_t)used, ", %s %u", factors[f], row[f]);
}

/* FNV-1a over the bytes of the results' elements. */
static uint64_t hash_results(const test_work *work, const test_results *results, uint64_t hash) {
  static const uint32_t outputs[] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_INPUT_GRADIENT, CLOSS_OUTPUT_TARGET_GRADIENT};
  for (unsigned i = 0; i < TEST_COUNT(outputs); ++i) {
    const test_array *array = test_result(work, results, TEST_LOSS + i);
    if (!(work->options.outputs & outputs[i])) continue;
    const uint64_t count = closs_tensor_elements(&array->tensor);
    for (uint64_t element = 0; element < count; ++element)
      for (size_t byte = 0; byte < array->item; ++byte)
        hash = (hash ^ *((unsigned char *)test_array_at(array, element) + byte)) * UINT64_C(0x100000001b3);
  }
  return hash;
}

/* The results are the device's where it computes the row, else the reference's. Whether it did. */
static bool run_row(const test_device *device, bool wanted, const char *what, test_work *work, test_results *results) {
  closs_error error;
  if (wanted) {
    const closs_status status = test_work_compare(device, work, what, results);
    if (status == CLOSS_OK) {
      test_work_bounds(work, results, 0, what);
      return true;
    }
    /* Of doubles, or of loops that the device would end early (plan/loops.h). */
    if (status != CLOSS_UNSUPPORTED || device->fp64) fail_msg("%s: %s", what, closs_status_name(status));
    test_results_free(results);
  }
  if (test_work_reference(work, results, &error) != CLOSS_OK) fail_msg("%s: %s", what, error.text);
  return false;
}

void test_rows_run(const test_device *device, const unsigned *rows, size_t count, uint64_t seed, uint64_t published) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  size_t computed = 0;
  for (size_t i = 0; i < count; ++i, rows += TEST_FACTORS) {
    char text[512];
    uint64_t stream = seed * 1000 + i;
    test_results results;
    describe(rows, i, text, sizeof text);
    test_work work = make_work(rows, &stream);
    computed += run_row(device, i % test_every() == 0, text, &work, &results);
    hash = hash_results(&work, &results, hash);
    test_results_free(&results);
    test_work_free(&work);
  }
  printf("%zu rows, %zu computed on the device, hash %016" PRIx64 "\n", count, computed, hash);
  if (hash != published)
    fail_msg("the results hash to %016" PRIx64 ", and %016" PRIx64 " was published", hash, published);
}
