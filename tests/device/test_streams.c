/*
 * Results large enough to be stored past the cache, at every alignment that an offset or the begin of a piece can give;
 * and what a piece does with a state that it cannot go on from.
 */
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum { TERMS = (1 << 22) + 123, MARGIN = 64 };

static float difference(size_t i) {
  return (float)(i % 5) - 2;
}

static closs_plan_options options_of(uint64_t terms) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.reduction = CLOSS_SUM;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &terms);
  return options;
}

typedef struct job {
  closs_buffers buffers;
  float *values;
  size_t bytes;
} job;

static job make_job(const test_device *device) {
  job j = {CLOSS_BUFFERS_INIT, NULL, (TERMS + 2 * MARGIN) * sizeof(float)};
  j.values = calloc(1, j.bytes);
  assert_non_null(j.values);
  j.buffers.target.memory = test_buffer(device, j.bytes, j.values);
  for (size_t i = 0; i < TERMS + 2 * MARGIN; i++)
    j.values[i] = difference(i);
  j.buffers.input.memory = test_buffer(device, j.bytes, j.values);
  j.buffers.input_gradient.memory = test_buffer(device, j.bytes, j.values);
  j.buffers.loss.memory = test_buffer(device, sizeof(float), NULL);
  return j;
}

static void run_job(const test_device *device, job *j, const closs_plan_options *options) {
  closs_error error;
  closs_plan *plan = NULL;
  assert_int_equal(closs_plan_create(device->closs, options, &plan, &error), CLOSS_OK);
  assert_int_equal(closs_plan_prepare(plan, &error), CLOSS_OK);
  j->buffers.workspace.memory = test_buffer(device, (size_t)closs_plan_workspace(plan) + 16, NULL);
  assert_int_equal(closs_enqueue(plan, device->queue, &j->buffers, 0, NULL, NULL, &error), CLOSS_OK);
  test_cl(clFinish(device->queue), "clFinish");
  clReleaseMemObject(j->buffers.workspace.memory);
  closs_plan_destroy(plan);
}

/* The gradient is the sign of the difference at `offset` on, and nothing beside it was written. */
static void expect_gradient(const test_device *device, job *j, size_t offset, size_t terms) {
  test_read(device, j->buffers.input_gradient.memory, j->bytes, j->values);
  for (size_t i = 0; i < TERMS + 2 * MARGIN; i++) {
    const float d = difference(i);
    const bool inside = i >= offset && i < offset + terms;
    if (j->values[i] != (inside ? (float)((d > 0) - (d < 0)) : d)) fail_msg("element %zu is %g", i, j->values[i]);
  }
}

static void free_job(job *j) {
  clReleaseMemObject(j->buffers.input.memory);
  clReleaseMemObject(j->buffers.target.memory);
  clReleaseMemObject(j->buffers.input_gradient.memory);
  clReleaseMemObject(j->buffers.loss.memory);
  free(j->values);
}

static void offsets(void **state) {
  const test_device *device = *state;
  static const size_t cases[] = {0, 1, 5, 8, 16, 63};
  for (size_t c = 0; c < TEST_COUNT(cases); c++) {
    job j = make_job(device);
    const closs_plan_options options = options_of(TERMS);
    j.buffers.input.offset = j.buffers.target.offset = j.buffers.input_gradient.offset = cases[c];
    run_job(device, &j, &options);
    expect_gradient(device, &j, cases[c], TERMS);
    free_job(&j);
  }
}

/* A piece that begins inside a chunk: whole rows are not where the arrays begin. */
static void pieces(void **state) {
  const test_device *device = *state;
  static const uint64_t heads[] = {1, 8, 64, 100};
  closs_error error;
  for (size_t h = 0; h < TEST_COUNT(heads); h++) {
    unsigned char bytes[4096];
    const uint64_t total = heads[h] + TERMS;
    job j = make_job(device);
    assert_int_equal(closs_state_init(bytes, CLOSS_F32, 0, &error), CLOSS_OK);
    j.buffers.state.memory = test_buffer(device, closs_state_size(CLOSS_F32), bytes);
    const uint64_t lengths[] = {heads[h], TERMS};
    for (int piece = 0; piece < 2; piece++) {
      closs_plan_options options = options_of(lengths[piece]);
      options.total_terms = total;
      options.outputs = piece == 0 ? CLOSS_OUTPUT_LOSS : options.outputs;
      j.buffers.first_term = piece == 0 ? 0 : heads[h];
      run_job(device, &j, &options);
    }
    expect_gradient(device, &j, 0, TERMS);
    test_read(device, j.buffers.state.memory, closs_state_size(CLOSS_F32), bytes);
    float loss, expected = 0;
    assert_int_equal(closs_state_finish(bytes, total, CLOSS_SUM, NULL, CLOSS_F32, &loss, &error), CLOSS_OK);
    for (size_t i = 0; i < heads[h]; i++)
      expected += (float)(difference(i) < 0 ? -difference(i) : difference(i));
    for (size_t i = 0; i < TERMS; i++)
      expected += (float)(difference(i) < 0 ? -difference(i) : difference(i));
    assert_true(loss == expected); /* small integers: every order of additions is exact */
    clReleaseMemObject(j.buffers.state.memory);
    free_job(&j);
  }
}

/* A state of another type, of another position, or none at all, is marked, and refused by the host. */
static void wrong_states(void **state) {
  const test_device *device = *state;
  const uint64_t terms = 200 * CLOSS_CHUNK;
  closs_error error;
  for (int wrong = 0; wrong < 4; wrong++) {
    unsigned char bytes[4096] = {0};
    const uint32_t backwards[] = {CLOSS_CHUNK, 1};
    job j = make_job(device);
    assert_int_equal(closs_state_init(bytes, wrong == 0 ? CLOSS_F64 : CLOSS_F32, wrong == 1 ? CLOSS_CHUNK : 0, &error),
                     CLOSS_OK);
    if (wrong == 2) memset(bytes, 0, sizeof bytes);
    if (wrong == 3) memcpy(bytes + 8, backwards, sizeof backwards); /* begins after its end */
    j.buffers.state.memory = test_buffer(device, sizeof bytes, bytes);
    closs_plan_options options = options_of(terms);
    options.total_terms = terms;
    run_job(device, &j, &options);
    unsigned char after[4096];
    test_read(device, j.buffers.state.memory, sizeof after, after);
    assert_int_equal(after[24], 1);
    after[24] = 0;
    assert_memory_equal(after, bytes, sizeof after);
    clReleaseMemObject(j.buffers.state.memory);
    free_job(&j);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(offsets),
      cmocka_unit_test(pieces),
      cmocka_unit_test(wrong_states),
  };
  return cmocka_run_group_tests_name("streams", tests, test_device_setup, test_device_teardown);
}
