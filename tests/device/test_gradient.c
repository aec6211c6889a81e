/* Gradients against finite differences of the loss, in f64, away from each loss's kinks. */
#include <math.h>
#include <stdio.h>

#include "support/harness.h"
#include "support/work.h"

enum { ROWS = 3, COLUMNS = 4, ELEMENTS = ROWS * COLUMNS };

static const double step = 0x1p-18; /* differences of second order: their error is near step^2, and 2^-52 / step */

/* A loss, and the distances |input - target| where it has a kink or its gradient has one: none of the operands' may be
 * within 2 steps of them. */
typedef struct smooth_case {
  closs_loss loss;
  double parameter;
  double kinks[2];
} smooth_case;

static const smooth_case cases[] = {
    {CLOSS_L1, 0, {0, 0}},          {CLOSS_MSE, 0, {-1, -1}},
    {CLOSS_SMOOTH_L1, 1, {1, 1}},   {CLOSS_SMOOTH_L1, 0.3, {0.3, 0.3}},
    {CLOSS_SMOOTH_L1, 0, {0, 0}},   {CLOSS_HUBER, 1, {1, 1}},
    {CLOSS_HUBER, 2.5, {2.5, 2.5}},
};

/* The sum of loss times upstream gradient: what the gradients are of. By the reference, whose losses the device's are.
 */
static double objective(test_work *work) {
  test_results results;
  double total = 0;
  assert_int_equal(test_work_reference(work, &results, NULL), CLOSS_OK);
  const test_array *loss = &results.arrays[TEST_LOSS], *upstream = &work->arrays[TEST_UPSTREAM];
  for (uint64_t i = 0; i < closs_tensor_elements(&loss->tensor); ++i)
    total += *(double *)test_array_at(loss, i) *
             (upstream->bytes ? *(double *)test_array_at(upstream, i) : work->upstream_value);
  test_results_free(&results);
  return total;
}

static void perturb_and_compare(const test_device *device, test_work *work, const char *what) {
  test_results results;
  closs_error error;
  /* a device without fp64 has nothing to compare: the reference's gradients then */
  if ((device->fp64 ? test_work_device(device, work, &results, &error) : test_work_reference(work, &results, &error)) !=
      CLOSS_OK)
    fail_msg("%s: %s", what, error.text);
  for (unsigned operand = 0; operand < 2; ++operand) {
    const test_array *array = &work->arrays[operand], *gradient = &results.arrays[TEST_INPUT_GRADIENT + operand];
    const unsigned parts = test_components(array->tensor.dtype);
    for (uint64_t i = 0; i < closs_tensor_elements(&array->tensor); ++i)
      for (unsigned part = 0; part < parts; ++part) {
        double *value = (double *)test_array_at(array, i) + part;
        const double kept = *value, claimed = ((double *)test_array_at(gradient, i))[part];
        *value = kept + step;
        const double above = objective(work);
        *value = kept - step;
        const double below = objective(work), slope = (above - below) / (2 * step);
        *value = kept;
        if (!(fabs(slope - claimed) <= 1e-7 * (1 + fabs(claimed))))
          fail_msg("%s: %s, component %llu: difference %.12g, gradient %.12g", what, operand ? "target" : "input",
                   (unsigned long long)(i * parts + part), slope, claimed);
      }
  }
  test_results_free(&results);
}

/* Whether an element of the matrix is near a kink with a row's element. */
static bool near_kink(const smooth_case *c, double distance) {
  for (unsigned k = 0; k < 2; ++k)
    if (fabs(distance - c->kinks[k]) < 2 * step) return true;
  return false;
}

/* Random operands, far enough from kinks: matrix against row. */
static void fill_operands(test_work *work, const smooth_case *c, uint64_t *stream) {
  bool near;
  do {
    near = false;
    test_array_fill(&work->arrays[TEST_INPUT], TEST_PLAIN, stream);
    test_array_fill(&work->arrays[TEST_TARGET], TEST_PLAIN, stream);
    for (unsigned i = 0; i < ELEMENTS; ++i) {
      const double *x = test_array_at(&work->arrays[TEST_INPUT], i),
                   *y = test_array_at(&work->arrays[TEST_TARGET],
                                      work->arrays[TEST_TARGET].tensor.rank == 1 ? i % COLUMNS : i);
      *(double *)test_array_at(&work->arrays[TEST_INPUT], i) *= i % 2 ? 1 : 0.1;
      near |= near_kink(c, fabs(*x - *y));
    }
  } while (near);
}

static void run(const test_device *device, const smooth_case *c, closs_reduction reduction, bool broadcast,
                bool weighted, closs_mean_over over) {
  const uint64_t shape[] = {ROWS, COLUMNS};
  const closs_tensor matrix = closs_tensor_contiguous(CLOSS_F64, 2, shape),
                     row = closs_tensor_contiguous(CLOSS_F64, 1, shape + 1);
  uint64_t stream = 11;
  char what[120];
  test_work work =
      test_work_make(c->loss, reduction, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT,
                     &matrix, broadcast ? &row : &matrix);
  test_work_parameter(&work, c->parameter);
  fill_operands(&work, c, &stream);
  work.options.mean_over = over;
  work.upstream_value = 0.6;
  if (weighted) {
    work.arrays[TEST_WEIGHT] = test_array_make(&row, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  if (reduction == CLOSS_NONE) {
    work.arrays[TEST_UPSTREAM] = test_array_make(&matrix, 0);
    test_array_fill(&work.arrays[TEST_UPSTREAM], TEST_PLAIN, &stream);
  }
  test_work_outputs(&work, 0);
  snprintf(what, sizeof what, "%s(%g) %s%s%s", closs_loss_by_id(c->loss)->name, c->parameter,
           closs_reduction_name(reduction), broadcast ? ", broadcast" : "", weighted ? ", weighted" : "");
  perturb_and_compare(device, &work, what);
  test_work_free(&work);
}

static void test_real_losses(void **state) {
  for (size_t i = 0; i < TEST_COUNT(cases); ++i)
    for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction)
      for (unsigned broadcast = 0; broadcast < 2; ++broadcast) {
        run(*state, &cases[i], reduction, broadcast, false, CLOSS_MEAN_OVER_WEIGHTS);
        run(*state, &cases[i], reduction, broadcast, true, CLOSS_MEAN_OVER_WEIGHTS);
        if (reduction == CLOSS_MEAN) run(*state, &cases[i], reduction, broadcast, true, CLOSS_MEAN_OVER_COUNT);
      }
}

/* Every loss must be among the cases: a new one declares its kinks here. */
static void test_every_loss_is_here(void **state) {
  (void)state;
  for (size_t l = 0; l < closs_loss_count(); ++l) {
    bool found = false;
    for (size_t i = 0; i < TEST_COUNT(cases); ++i)
      found |= cases[i].loss == closs_loss_at(l)->loss;
    assert_true(found);
  }
}

/* Real and imaginary parts are perturbed by themselves: the gradient is that of PyTorch, d / |d|. */
static void test_complex_l1(void **state) {
  const uint64_t shape[] = {ROWS, COLUMNS};
  const closs_tensor matrix = closs_tensor_contiguous(CLOSS_C128, 2, shape),
                     row = closs_tensor_contiguous(CLOSS_C128, 1, shape + 1),
                     reals = closs_tensor_contiguous(CLOSS_F64, 2, shape);
  const closs_tensor *const targets[] = {&matrix, &row, &reals};
  for (size_t t = 0; t < TEST_COUNT(targets); ++t)
    for (closs_reduction reduction = CLOSS_MEAN; reduction <= CLOSS_SUM; ++reduction) {
      test_work work = test_work_make(CLOSS_L1, reduction,
                                      CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT,
                                      &matrix, targets[t]);
      work.upstream_value = 1.5;
      test_work_outputs(&work, 0);
      perturb_and_compare(*state, &work, "complex l1");
      test_work_free(&work);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_real_losses),
      cmocka_unit_test(test_every_loss_is_here),
      cmocka_unit_test(test_complex_l1),
  };
  return cmocka_run_group_tests_name("gradient", tests, test_device_setup, test_device_teardown);
}
