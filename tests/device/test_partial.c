/* Sums in pieces: however the terms are cut, and whoever sums which part, the bits are those of the whole. */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum { MAX_PIECES = 64 };

/* Terms [ends[i - 1], ends[i]) are piece i; a piece that `begins` starts a state of its own. */
typedef struct split {
  size_t pieces;
  uint64_t ends[MAX_PIECES];
  bool begins[MAX_PIECES];
} split;

/* The whole's arrays on the device. */
typedef struct parts {
  const test_device *device;
  test_work *work;
  cl_mem memory[TEST_SLOTS];
  uint64_t terms;
  closs_dtype arithmetic;
} parts;

static cl_mem upload(const test_device *device, const test_array *array) {
  return array->bytes ? test_buffer(device, array->size, array->bytes) : NULL;
}

static closs_buffer place(const parts *p, enum test_slot slot, uint64_t first) {
  const test_array *array = &p->work->arrays[slot];
  const int64_t stride = array->bytes && array->tensor.rank ? array->tensor.strides[0] : 0;
  return (closs_buffer){p->memory[slot], (uint64_t)((int64_t)array->origin + (int64_t)first * stride)};
}

static closs_tensor piece_of(const test_array *array, uint64_t length) {
  closs_tensor tensor = array->tensor;
  if (tensor.rank) tensor.shape[0] = length;
  return tensor;
}

/* Enqueues the terms [first, end) with these outputs on the state in `state`. */
static void enqueue_piece(const parts *p, uint32_t outputs, uint64_t first, uint64_t end, cl_mem state,
                          const double reciprocal[2]) {
  closs_plan_options options = p->work->options;
  const closs_tensor weight = piece_of(&p->work->arrays[TEST_WEIGHT], end - first),
                     upstream = piece_of(&p->work->arrays[TEST_UPSTREAM], end - first),
                     gradient = piece_of(&p->work->arrays[TEST_INPUT_GRADIENT], end - first);
  closs_plan *plan = NULL;
  closs_error error;
  options.outputs = outputs;
  options.total_terms = p->terms;
  options.parameters = NULL;
  options.parameter_count = 0;
  options.input = piece_of(&p->work->arrays[TEST_INPUT], end - first);
  options.target = piece_of(&p->work->arrays[TEST_TARGET], end - first);
  options.weight = p->memory[TEST_WEIGHT] ? &weight : NULL;
  options.input_gradient = outputs & CLOSS_OUTPUT_INPUT_GRADIENT ? &gradient : NULL;
  options.upstream = p->memory[TEST_UPSTREAM] ? &upstream : NULL;
  options.loss_layout = options.target_gradient = NULL;
  options.target_gradient_mode = CLOSS_GRADIENT_WRITE; /* closs_state_gradient()'s */
  if (closs_plan_create(p->device->closs, &options, &plan, &error) != CLOSS_OK ||
      closs_plan_prepare(plan, &error) != CLOSS_OK)
    fail_msg("piece [%llu, %llu): %s", (unsigned long long)first, (unsigned long long)end, error.text);

  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  const size_t bytes = (size_t)closs_plan_workspace(plan);
  cl_mem workspace = test_buffer(p->device, bytes ? bytes : 1, NULL);
  buffers.input = place(p, TEST_INPUT, first);
  buffers.target = place(p, TEST_TARGET, first);
  buffers.weight = place(p, TEST_WEIGHT, first);
  buffers.upstream = place(p, TEST_UPSTREAM, first);
  buffers.input_gradient = place(p, TEST_INPUT_GRADIENT, first);
  buffers.upstream_value = p->work->upstream_value;
  buffers.workspace.memory = workspace;
  buffers.state.memory = state;
  buffers.first_term = first;
  if (reciprocal) memcpy(buffers.weight_reciprocal, reciprocal, sizeof buffers.weight_reciprocal);
  if (closs_enqueue(plan, p->device->queue, &buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("piece [%llu, %llu): %s", (unsigned long long)first, (unsigned long long)end, error.text);
  clReleaseMemObject(workspace);
  closs_plan_destroy(plan);
}

/* The states that a piece extends: of complex slopes two. */
static size_t states_of(const parts *p, uint32_t outputs) {
  return outputs & CLOSS_OUTPUT_TARGET_SLOPE_SUM && p->work->arrays[TEST_TARGET].tensor.dtype >= CLOSS_C64 ? 2 : 1;
}

/* Runs the pieces of one state after the other, and gives all states' bytes, one after the other. */
static size_t run_pieces(const parts *p, uint32_t outputs, const split *cuts, const double reciprocal[2],
                         unsigned char *states) {
  const size_t sums = states_of(p, outputs), one = closs_state_size(p->arithmetic), size = sums * one;
  size_t count = 0;
  cl_mem state = NULL;
  for (size_t i = 0; i < cuts->pieces; ++i) {
    const uint64_t first = i ? cuts->ends[i - 1] : 0;
    if (cuts->begins[i]) {
      unsigned char *bytes = states + count++ * size;
      for (size_t s = 0; s < sums; ++s)
        assert_int_equal(closs_state_init(bytes + s * one, p->arithmetic, first, NULL), CLOSS_OK);
      state = test_buffer(p->device, size, bytes);
    }
    enqueue_piece(p, outputs, first, cuts->ends[i], state, reciprocal);
    if (i + 1 == cuts->pieces || cuts->begins[i + 1]) {
      test_read(p->device, state, size, states + (count - 1) * size);
      clReleaseMemObject(state);
    }
  }
  return count;
}

/* Merges all states, `step` bytes apart, into the first, from either end. */
static void merge(unsigned char *states, size_t count, size_t step, bool from_the_end) {
  closs_error error;
  if (from_the_end)
    for (size_t i = count; i-- > 1;)
      if (closs_state_merge(states + (i - 1) * step, states + i * step, &error) != CLOSS_OK) fail_msg("%s", error.text);
  if (!from_the_end)
    for (size_t i = 1; i < count; ++i)
      if (closs_state_merge(states, states + i * step, &error) != CLOSS_OK) fail_msg("%s", error.text);
}

static split make_split(uint64_t terms, uint64_t *stream) {
  split cuts = {0};
  const unsigned kind = (unsigned)(test_random(stream) % 4);
  const size_t wanted = 1 + test_random(stream) % (MAX_PIECES / 4);
  for (uint64_t end = 0; end < terms;) {
    const uint64_t first = end;
    cuts.begins[cuts.pieces] = first % CLOSS_CHUNK == 0 && (first == 0 || test_random(stream) % 2);
    const uint64_t step = 1 + test_random(stream) % (2 * terms / wanted + 1);
    end = kind == 0 ? first + step : kind == 1 ? first + 1 + step % 130 : (first + step) / CLOSS_CHUNK * CLOSS_CHUNK;
    if (kind == 3 && test_random(stream) % 2) end += 63 + test_random(stream) % 3;
    if (end <= first) end = first + CLOSS_CHUNK - first % CLOSS_CHUNK;
    if (end > terms || cuts.pieces + 1 == MAX_PIECES) end = terms;
    cuts.ends[cuts.pieces++] = end;
  }
  return cuts;
}

static void check_split(const parts *p, const test_results *whole, const split *cuts, bool from_the_end) {
  const test_work *work = p->work;
  const size_t size = closs_state_size(p->arithmetic);
  const bool over_weights = work->options.reduction == CLOSS_MEAN && p->memory[TEST_WEIGHT] &&
                            work->options.mean_over == CLOSS_MEAN_OVER_WEIGHTS;
  unsigned char *states = test_allocate(MAX_PIECES * size), *weights = test_allocate(MAX_PIECES * size);
  double reciprocal[2] = {0, 0};
  closs_error error;
  if (over_weights) {
    merge(weights, run_pieces(p, CLOSS_OUTPUT_WEIGHT_SUM, cuts, NULL, weights), size, from_the_end);
    assert_int_equal(closs_state_reciprocal(weights, p->terms, reciprocal, &error), CLOSS_OK);
  }
  const uint32_t outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  const size_t count = run_pieces(p, outputs, cuts, over_weights ? reciprocal : NULL, states);
  merge(states, count, size, from_the_end);

  test_array loss = test_array_copy(&work->arrays[TEST_LOSS]),
             gradient = test_array_copy(&work->arrays[TEST_INPUT_GRADIENT]);
  if (closs_state_finish(states, p->terms, work->options.reduction, over_weights ? weights : NULL, loss.tensor.dtype,
                         test_array_origin(&loss), &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  test_read(p->device, p->memory[TEST_INPUT_GRADIENT], gradient.size, gradient.bytes);
  char what[100];
  snprintf(what, sizeof what, "%s %s of %llu, %zu pieces, %zu states", closs_dtype_name(loss.tensor.dtype),
           closs_reduction_name(work->options.reduction), (unsigned long long)p->terms, cuts->pieces, count);
  test_array_same(&whole->arrays[TEST_LOSS], &loss, what);
  test_array_same(&whole->arrays[TEST_INPUT_GRADIENT], &gradient, what);
  test_array_free(&loss);
  test_array_free(&gradient);
  free(states);
  free(weights);
}

enum weighing { UNWEIGHTED, OVER_WEIGHTS, OVER_COUNT };

static void run(const test_device *device, closs_loss loss, closs_reduction reduction, closs_dtype dtype,
                int64_t stride, uint64_t terms, enum weighing weighing) {
  closs_tensor tensor = closs_tensor_contiguous(dtype, 1, &terms);
  tensor.strides[0] = stride;
  test_work work = test_work_make(loss, reduction, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT, &tensor, &tensor);
  uint64_t stream = terms;
  if (weighing != UNWEIGHTED) {
    work.arrays[TEST_WEIGHT] = test_array_make(&tensor, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  work.options.mean_over = weighing == OVER_COUNT ? CLOSS_MEAN_OVER_COUNT : CLOSS_MEAN_OVER_WEIGHTS;
  work.upstream_value = -1.7;
  test_work_outputs(&work, 0);

  test_results whole;
  assert_int_equal(test_work_reference(&work, &whole, NULL), CLOSS_OK);
  parts p = {.device = device, .work = &work, .terms = terms, .arithmetic = dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32};
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    p.memory[slot] = upload(device, &work.arrays[slot]);
  for (unsigned i = 0; i < 4; ++i) {
    const split cuts = make_split(terms, &stream);
    check_split(&p, &whole, &cuts, i % 2);
  }
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (p.memory[slot]) clReleaseMemObject(p.memory[slot]);
  test_results_free(&whole);
  test_work_free(&work);
}

static const uint64_t lengths[] = {1, 100, 4096, 5000, 3 * 4096, 9 * 4096 + 123, 50001};

static void test_sums_and_means(void **state) {
  for (size_t n = 0; n < TEST_COUNT(lengths); ++n)
    for (size_t l = 0; l < closs_loss_count(); ++l)
      run(*state, closs_loss_at(l)->loss, n % 2 ? CLOSS_MEAN : CLOSS_SUM, CLOSS_F32, 1, lengths[n], UNWEIGHTED);
}

static void test_types_and_strides(void **state) {
  const test_device *device = *state;
  const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};
  for (size_t n = 0; n < TEST_COUNT(lengths); ++n)
    for (size_t t = 0; t < TEST_COUNT(types) && (device->fp64 || types[t] != CLOSS_F64); ++t)
      run(device, CLOSS_MSE, n % 2 ? CLOSS_SUM : CLOSS_MEAN, types[t], t % 2 ? 2 : 1, lengths[n], UNWEIGHTED);
}

static void test_weighted_means(void **state) {
  const test_device *device = *state;
  for (size_t n = 0; n < TEST_COUNT(lengths); ++n) {
    run(device, CLOSS_SMOOTH_L1, CLOSS_MEAN, CLOSS_F32, 1, lengths[n], OVER_WEIGHTS);
    run(device, CLOSS_HUBER, CLOSS_MEAN, CLOSS_F32, 2, lengths[n], OVER_WEIGHTS);
    run(device, CLOSS_L1, CLOSS_MEAN, CLOSS_F16, 1, lengths[n], OVER_COUNT);
    run(device, CLOSS_L1, CLOSS_SUM, CLOSS_F32, 1, lengths[n], OVER_WEIGHTS);
    if (device->fp64) run(device, CLOSS_MSE, CLOSS_MEAN, CLOSS_F64, 1, lengths[n], OVER_WEIGHTS);
  }
}

/* The gradient of a target that is one number, over any split of its terms. */
static void check_slopes(const parts *p, const test_results *whole, const split *cuts, bool from_the_end) {
  const test_work *work = p->work;
  const size_t size = closs_state_size(p->arithmetic), sums = states_of(p, CLOSS_OUTPUT_TARGET_SLOPE_SUM);
  const bool over_weights = work->options.reduction == CLOSS_MEAN && p->memory[TEST_WEIGHT] &&
                            work->options.mean_over == CLOSS_MEAN_OVER_WEIGHTS;
  unsigned char *states = test_allocate(MAX_PIECES * sums * size), *weights = test_allocate(MAX_PIECES * size);
  if (over_weights) merge(weights, run_pieces(p, CLOSS_OUTPUT_WEIGHT_SUM, cuts, NULL, weights), size, from_the_end);
  const size_t count = run_pieces(p, CLOSS_OUTPUT_TARGET_SLOPE_SUM, cuts, NULL, states);
  for (size_t s = 0; s < sums; ++s)
    merge(states + s * size, count, sums * size, from_the_end);

  test_array gradient = test_array_copy(&work->arrays[TEST_TARGET_GRADIENT]);
  closs_state_gradient_options options = CLOSS_STATE_GRADIENT_INIT;
  closs_error error;
  options.target = true;
  options.accumulate = work->options.target_gradient_mode & CLOSS_GRADIENT_ACCUMULATE;
  options.dtype = gradient.tensor.dtype;
  options.column_terms = options.total_terms = p->terms;
  options.reduction = work->options.reduction;
  options.weights = over_weights ? weights : NULL;
  options.upstream_value = work->upstream_value;
  if (closs_state_gradient(states, &options, test_array_origin(&gradient), &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  char what[100];
  snprintf(what, sizeof what, "slopes of %llu %s, %zu pieces, %zu states", (unsigned long long)p->terms,
           closs_dtype_name(work->arrays[TEST_INPUT].tensor.dtype), cuts->pieces, count);
  test_array_same(&whole->arrays[TEST_TARGET_GRADIENT], &gradient, what);
  test_array_free(&gradient);
  free(states);
  free(weights);
}

static void run_slopes(const test_device *device, closs_loss loss, closs_reduction reduction, closs_dtype input,
                       closs_dtype target, uint64_t terms, enum weighing weighing, uint32_t mode) {
  const closs_tensor many = closs_tensor_contiguous(input, 1, &terms), one = closs_tensor_contiguous(target, 0, NULL);
  const closs_dtype arithmetic = closs_dtype_arithmetic(closs_dtype_common(input, target));
  test_work work = test_work_make(loss, reduction, CLOSS_OUTPUT_TARGET_GRADIENT, &many, &one);
  uint64_t stream = terms;
  closs_tensor real = many;
  real.dtype = closs_dtype_real(input);
  if (weighing != UNWEIGHTED) {
    work.arrays[TEST_WEIGHT] = test_array_make(&real, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  if (reduction == CLOSS_NONE) {
    work.arrays[TEST_UPSTREAM] = test_array_make(&real, 0);
    test_array_fill(&work.arrays[TEST_UPSTREAM], TEST_PLAIN, &stream);
  }
  work.options.mean_over = weighing == OVER_COUNT ? CLOSS_MEAN_OVER_COUNT : CLOSS_MEAN_OVER_WEIGHTS;
  work.options.target_gradient_mode = mode;
  work.upstream_value = -1.7;
  test_work_outputs(&work, 0);
  test_results whole;
  assert_int_equal(test_work_reference(&work, &whole, NULL), CLOSS_OK);
  parts p = {.device = device, .work = &work, .terms = terms, .arithmetic = arithmetic};
  for (unsigned slot = 0; slot < TEST_LOSS; ++slot)
    p.memory[slot] = upload(device, &work.arrays[slot]);
  for (unsigned i = 0; i < 2; ++i) {
    const split cuts = make_split(terms, &stream);
    check_slopes(&p, &whole, &cuts, i % 2);
  }
  for (unsigned slot = 0; slot < TEST_LOSS; ++slot)
    if (p.memory[slot]) clReleaseMemObject(p.memory[slot]);
  test_results_free(&whole);
  test_work_free(&work);
}

static void test_slope_sums(void **state) {
  const test_device *device = *state;
  for (size_t n = 0; n < TEST_COUNT(lengths); ++n) {
    run_slopes(device, CLOSS_MSE, CLOSS_MEAN, CLOSS_F32, CLOSS_F32, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_WRITE);
    run_slopes(device, CLOSS_HUBER, CLOSS_SUM, CLOSS_F16, CLOSS_F16, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_ACCUMULATE);
    run_slopes(device, CLOSS_SMOOTH_L1, CLOSS_MEAN, CLOSS_F32, CLOSS_F32, lengths[n], OVER_WEIGHTS,
               CLOSS_GRADIENT_ACCUMULATE);
    run_slopes(device, CLOSS_MSE, CLOSS_MEAN, CLOSS_F32, CLOSS_BF16, lengths[n], OVER_COUNT, CLOSS_GRADIENT_WRITE);
    run_slopes(device, CLOSS_MSE, CLOSS_NONE, CLOSS_F32, CLOSS_F32, lengths[n], OVER_COUNT, CLOSS_GRADIENT_WRITE);
    run_slopes(device, CLOSS_L1, CLOSS_MEAN, CLOSS_C64, CLOSS_C64, lengths[n], OVER_WEIGHTS, CLOSS_GRADIENT_ACCUMULATE);
    run_slopes(device, CLOSS_L1, CLOSS_SUM, CLOSS_C64, CLOSS_F32, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_WRITE);
    run_slopes(device, CLOSS_L1, CLOSS_NONE, CLOSS_C64, CLOSS_C64, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_WRITE);
    if (device->fp64) {
      run_slopes(device, CLOSS_MSE, CLOSS_MEAN, CLOSS_F64, CLOSS_F16, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_WRITE);
      run_slopes(device, CLOSS_L1, CLOSS_MEAN, CLOSS_F64, CLOSS_C64, lengths[n], UNWEIGHTED, CLOSS_GRADIENT_WRITE);
    }
  }
}

enum { ROWS = 150, COLUMNS = 90 };

/* One block of a matrix against a row or a column: rows [first, end), or columns. */
static void enqueue_block(const parts *p, bool by_rows, uint64_t first, uint64_t end, const double reciprocal[2]) {
  closs_plan_options options = p->work->options;
  const int cut = by_rows ? 0 : 1;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  closs_buffer *const places[] = {&buffers.input, &buffers.target,         &buffers.weight,         &buffers.upstream,
                                  &buffers.loss,  &buffers.input_gradient, &buffers.target_gradient};
  closs_tensor blocks[TEST_SLOTS];
  closs_error error;
  closs_plan *plan = NULL;
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot) {
    const test_array *array = &p->work->arrays[slot];
    const int dimension = cut - (2 - (int)array->tensor.rank);
    *places[slot] = (closs_buffer){p->memory[slot], array->origin};
    blocks[slot] = array->tensor;
    if (dimension < 0 || array->tensor.rank == 0 || array->tensor.shape[dimension] == 1) continue;
    blocks[slot].shape[dimension] = end - first;
    places[slot]->offset += first * (uint64_t)array->tensor.strides[dimension];
  }
  options.total_terms = p->terms;
  options.parameters = NULL;
  options.parameter_count = 0;
  options.input = blocks[TEST_INPUT];
  options.target = blocks[TEST_TARGET];
  options.weight = p->memory[TEST_WEIGHT] ? &blocks[TEST_WEIGHT] : NULL;
  options.input_gradient = &blocks[TEST_INPUT_GRADIENT];
  options.target_gradient = &blocks[TEST_TARGET_GRADIENT];
  if (closs_plan_create(p->device->closs, &options, &plan, &error) != CLOSS_OK ||
      closs_plan_prepare(plan, &error) != CLOSS_OK)
    fail_msg("block [%llu, %llu): %s", (unsigned long long)first, (unsigned long long)end, error.text);
  const size_t bytes = (size_t)closs_plan_workspace(plan);
  buffers.workspace.memory = test_buffer(p->device, bytes ? bytes : 1, NULL);
  buffers.upstream_value = p->work->upstream_value;
  buffers.first_term = UINT64_MAX - 5; /* of no meaning here */
  memcpy(buffers.weight_reciprocal, reciprocal, sizeof buffers.weight_reciprocal);
  if (closs_enqueue(plan, p->device->queue, &buffers, 0, NULL, NULL, &error) != CLOSS_OK) fail_msg("%s", error.text);
  clReleaseMemObject(buffers.workspace.memory);
  closs_plan_destroy(plan);
}

/* Gradients of both operands, in blocks of whole columns of the target's. */
static void run_blocks(const test_device *device, closs_reduction reduction, bool by_rows, bool weighted) {
  const uint64_t shape[] = {ROWS, COLUMNS}, one_column[] = {ROWS, 1}, one_row[] = {COLUMNS};
  const closs_tensor matrix = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     repeated = by_rows ? closs_tensor_contiguous(CLOSS_F32, 2, one_column)
                                        : closs_tensor_contiguous(CLOSS_F32, 1, one_row);
  test_work work = test_work_make(CLOSS_HUBER, reduction, CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT,
                                  &matrix, &repeated);
  uint64_t stream = 5;
  if (weighted) {
    work.arrays[TEST_WEIGHT] = test_array_make(&matrix, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  work.options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  work.upstream_value = 0.7;
  test_work_outputs(&work, 1);
  test_results whole;
  assert_int_equal(test_work_reference(&work, &whole, NULL), CLOSS_OK);
  parts p = {.device = device, .work = &work, .terms = ROWS * COLUMNS, .arithmetic = CLOSS_F32};
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    p.memory[slot] = upload(device, &work.arrays[slot]);
  double reciprocal[2] = {0, 0};
  if (weighted) { /* their sum is of all of them, as one piece */
    unsigned char weights[4096];
    parts flat = p;
    test_work rows = work;
    rows.arrays[TEST_INPUT].tensor = rows.arrays[TEST_TARGET].tensor = rows.arrays[TEST_WEIGHT].tensor =
        closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){ROWS * COLUMNS});
    flat.work = &rows;
    const split all = {1, {ROWS * COLUMNS}, {true}};
    run_pieces(&flat, CLOSS_OUTPUT_WEIGHT_SUM, &all, NULL, weights);
    assert_int_equal(closs_state_reciprocal(weights, p.terms, reciprocal, NULL), CLOSS_OK);
  }
  const uint64_t length = by_rows ? ROWS : COLUMNS;
  for (uint64_t first = 0, end; first < length; first = end) {
    end = first + 1 + test_random(&stream) % 40;
    end = end < length ? end : length;
    enqueue_block(&p, by_rows, first, end, reciprocal);
  }
  for (unsigned slot = TEST_INPUT_GRADIENT; slot < TEST_SLOTS; ++slot) {
    test_array gradient = test_array_copy(&work.arrays[slot]);
    test_read(device, p.memory[slot], gradient.size, gradient.bytes);
    test_array_same(&whole.arrays[slot], &gradient, by_rows ? "blocks of rows" : "blocks of columns");
    test_array_free(&gradient);
  }
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (p.memory[slot]) clReleaseMemObject(p.memory[slot]);
  test_results_free(&whole);
  test_work_free(&work);
}

static void test_blocks_of_columns(void **state) {
  for (unsigned by_rows = 0; by_rows < 2; ++by_rows) {
    run_blocks(*state, CLOSS_SUM, by_rows, false);
    run_blocks(*state, CLOSS_MEAN, by_rows, false);
    run_blocks(*state, CLOSS_MEAN, by_rows, true);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sums_and_means),    cmocka_unit_test(test_types_and_strides),
      cmocka_unit_test(test_weighted_means),    cmocka_unit_test(test_slope_sums),
      cmocka_unit_test(test_blocks_of_columns),
  };
  return cmocka_run_group_tests_name("partial", tests, test_device_setup, test_device_teardown);
}
