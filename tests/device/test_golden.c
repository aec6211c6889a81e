/* Every reference vector, through the reference and through the device: see tests/vectors/README.md for the rule. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/vectors.h"
#include "support/work.h"

/* What a run of all cases found; a component is a real number, or one half of a complex one. */
typedef struct tally {
  size_t components, components_in_one_unit;
  size_t cases, cases_in_one_unit, cases_in_rule;
  double largest; /* distance in units */
} tally;

static test_vectors vectors;

static int set_up(void **state) {
  if (test_device_setup(state)) return -1;
  return test_vectors_read(&vectors, TEST_VECTORS) ? 0 : -1;
}

static int tear_down(void **state) {
  test_vectors_free(&vectors);
  return test_device_teardown(state);
}

static test_work make_work(const test_vector *vector) {
  static const enum test_slot slots[] = {TEST_INPUT, TEST_TARGET, TEST_WEIGHT, TEST_UPSTREAM};
  test_work work = {.options = CLOSS_PLAN_OPTIONS_INIT, .upstream_value = 1};
  work.options.loss = vector->loss;
  work.options.reduction = vector->reduction;
  work.options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  if (vector->has_parameter) test_work_parameter(&work, vector->parameter);
  for (unsigned i = 0; i < TEST_COUNT(slots); ++i)
    if (vector->elements[i]) {
      work.arrays[slots[i]] = test_array_make(&vector->tensors[i], 0);
      test_array_set(&work.arrays[slots[i]], vector->elements[i]);
    }
  test_work_outputs(&work, 0);
  return work;
}

/* The number of the element that a tensor, broadcast to `whole`, has for a term. */
static uint64_t element_of(const closs_tensor *tensor, const closs_tensor *whole, uint64_t term) {
  uint64_t number = 0, step = 1;
  for (uint32_t i = 1; i <= tensor->rank; ++i) {
    const uint64_t length = tensor->shape[tensor->rank - i], span = whole->shape[whole->rank - i];
    number += length == 1 ? 0 : term % span * step;
    term /= span;
    step *= length;
  }
  return number;
}

/* The component `part` of the element that a broadcast array has for a term; 1 where there is no such array. */
static double at_term(const test_vector *vector, enum test_vector_array array, const closs_tensor *whole, uint64_t term,
                      unsigned part) {
  const closs_tensor *tensor = &vector->tensors[array];
  const closs_dtype component = test_component(tensor->dtype);
  if (!vector->elements[array]) return 1;
  if (part >= test_components(tensor->dtype)) return 0;
  const unsigned char *element = (const unsigned char *)vector->elements[array] +
                                 element_of(tensor, whole, term) * closs_dtype_size(tensor->dtype);
  return test_value(component, element + part * closs_dtype_size(component));
}

static double slope(const test_vector *vector, double distance) {
  switch (vector->loss) {
  case CLOSS_MSE:
    return 2 * distance;
  case CLOSS_HUBER:
    return fmin(distance, vector->parameter);
  case CLOSS_SMOOTH_L1:
    if (vector->parameter > 0) return fmin(distance / vector->parameter, 1);
    break;
  default:
    break;
  }
  return distance > 0;
}

/* For each element of an operand the sum of the magnitudes of its gradient's terms; all 0 where it is not broadcast. */
static double *term_sums(const test_vector *vector, enum test_vector_array operand) {
  const closs_tensor *tensor = &vector->tensors[operand];
  closs_tensor whole;
  double weights = 0;
  assert_int_equal(closs_tensor_broadcast(&vector->tensors[0], &vector->tensors[1], &whole, NULL), CLOSS_OK);
  const uint64_t elements = closs_tensor_elements(tensor), terms = closs_tensor_elements(&whole);
  const size_t bytes = (size_t)(elements + 1) * sizeof(double);
  double *sums = test_allocate(bytes);
  memset(sums, 0, bytes);
  if (elements == terms) return sums;
  for (uint64_t term = 0; term < terms; ++term)
    weights += at_term(vector, TEST_VECTOR_WEIGHT, &whole, term, 0);
  for (uint64_t term = 0; term < terms; ++term) {
    const double real =
        at_term(vector, TEST_VECTOR_INPUT, &whole, term, 0) - at_term(vector, TEST_VECTOR_TARGET, &whole, term, 0);
    const double imaginary =
        at_term(vector, TEST_VECTOR_INPUT, &whole, term, 1) - at_term(vector, TEST_VECTOR_TARGET, &whole, term, 1);
    const double scale = vector->reduction == CLOSS_MEAN ? weights : 1;
    sums[element_of(tensor, &whole, term)] +=
        fabs(slope(vector, hypot(real, imaginary)) * at_term(vector, TEST_VECTOR_WEIGHT, &whole, term, 0) *
             at_term(vector, TEST_VECTOR_GRAD_OUTPUT, &whole, term, 0) / scale);
  }
  return sums;
}

/* The distance of a component from its reference in units; infinite where a NaN or an infinity does not match. */
static double distance(closs_dtype dtype, double expected, double actual, double magnitude) {
  if (isnan(expected)) return isnan(actual) ? 0 : (double)INFINITY;
  if (test_overflows(dtype, expected))
    return isinf(actual) && signbit(actual) == signbit(expected) ? 0 : (double)INFINITY;
  const double units = fabs(actual - expected) / test_unit(dtype, magnitude);
  return isnan(units) ? (double)INFINITY : units;
}

/* One result array against its reference; both flags are cleared where a component is beyond one unit, or the rule. */
static void judge(const test_vector *vector, enum test_vector_array slot, const test_array *result, tally *found,
                  bool *one_unit, bool *rule) {
  const bool wide = vector->dtype == CLOSS_F64 || vector->dtype == CLOSS_C128;
  const double limit = test_components(vector->dtype) == 2                         ? 4
                       : vector->dtype == CLOSS_F16 || vector->dtype == CLOSS_BF16 ? 1
                                                                                   : 3;
  const double share = wide ? 0x1p-50 : 0x1p-21;
  const closs_tensor *reference = &vector->tensors[slot];
  const closs_dtype dtype = test_component(result->tensor.dtype);
  const unsigned parts = test_components(reference->dtype);
  double *sums = slot == TEST_VECTOR_LOSS ? NULL : term_sums(vector, slot - TEST_VECTOR_GRAD_INPUT);
  assert_int_equal(parts, test_components(result->tensor.dtype));
  assert_int_equal(closs_tensor_elements(reference), closs_tensor_elements(&result->tensor));
  for (uint64_t i = 0; i < closs_tensor_elements(reference); ++i) {
    const double *expected = (const double *)vector->elements[slot] + i * parts;
    const unsigned char *actual = test_array_at(result, i);
    const double magnitude = parts == 2 ? fmax(fabs(expected[0]), fabs(expected[1])) : fabs(expected[0]);
    for (unsigned part = 0; part < parts; ++part) {
      const double value = test_value(dtype, actual + part * closs_dtype_size(dtype));
      const double units = distance(dtype, expected[part], value, magnitude);
      const double allowed = limit + (sums ? share * sums[i] / test_unit(dtype, magnitude) : 0);
      ++found->components;
      found->components_in_one_unit += units <= 1;
      found->largest = fmax(found->largest, units);
      *one_unit &= units <= 1;
      if (units > limit && !(units <= allowed)) {
        if (*rule)
          print_error("%s: array %d, element %llu: expected %.17g, got %.17g, %.3g units\n", vector->name, (int)slot,
                      (unsigned long long)i, expected[part], value, units);
        *rule = false;
      }
    }
  }
  free(sums);
}

static void judge_case(const test_vector *vector, const test_work *work, const test_results *results, tally *found) {
  bool one_unit = true, rule = true;
  for (unsigned i = 0; i < 3; ++i)
    judge(vector, TEST_VECTOR_LOSS + i, test_result(work, results, TEST_LOSS + i), found, &one_unit, &rule);
  ++found->cases;
  found->cases_in_one_unit += one_unit;
  found->cases_in_rule += rule;
}

static void report(const char *who, const tally *found, size_t cases) {
  printf("%s: %zu of %zu cases within 1 unit, %zu within the rule; %zu of %zu numbers within 1 unit, the farthest %.3g "
         "units\n",
         who, found->cases_in_one_unit, found->cases, found->cases_in_rule, found->components_in_one_unit,
         found->components, found->largest);
  assert_int_equal(found->cases, cases);
  assert_int_equal(found->cases_in_rule, found->cases);
}

static void test_reference(void **state) {
  (void)state;
  tally found = {0};
  for (size_t i = 0; i < vectors.count; ++i) {
    test_work work = make_work(&vectors.cases[i]);
    test_results results;
    closs_error error;
    if (test_work_reference(&work, &results, &error) != CLOSS_OK) fail_msg("%s: %s", vectors.cases[i].name, error.text);
    judge_case(&vectors.cases[i], &work, &results, &found);
    test_results_free(&results);
    test_work_free(&work);
  }
  report("reference", &found, vectors.count);
}

static void test_device_has_the_references_bits(void **state) {
  tally found = {0};
  for (size_t i = 0; i < vectors.count; i += test_every()) {
    test_work work = make_work(&vectors.cases[i]);
    test_results results;
    if (test_work_compare(*state, &work, vectors.cases[i].name, &results) == CLOSS_OK)
      judge_case(&vectors.cases[i], &work, &results, &found);
    else
      ++found.cases, ++found.cases_in_rule; /* f64 on a device without it */
    test_results_free(&results);
    test_work_free(&work);
  }
  report("device", &found, (vectors.count - 1) / test_every() + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reference),
      cmocka_unit_test(test_device_has_the_references_bits),
  };
  return cmocka_run_group_tests_name("golden", tests, set_up, tear_down);
}
