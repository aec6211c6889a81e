/* The probe's cases, computed again by the host, and what the judge makes of devices that compute otherwise. */
#include <math.h>
#include <string.h>

#include "base/convert.h"
#include "device/probe.h"
#include "support/harness.h"

#define MOST_CASES 200

/* How a device errs. */
typedef struct closs_fault {
  bool flush;    /* subnormal operands and results are 0 */
  bool contract; /* a * b + c is rounded once */
  bool simplify; /* sums are reassociated: their errors are 0 */
  bool no_nan;   /* x != x is false */
} closs_fault;

/* An element, in the host's byte order. */
typedef union closs_element {
  uint8_t one;
  uint16_t two;
  uint32_t four;
  uint64_t eight;
} closs_element;

static closs_element element_of(closs_dtype type, uint64_t bits) {
  switch (closs_dtype_size(type)) {
  case 1:
    return (closs_element){.one = (uint8_t)bits};
  case 2:
    return (closs_element){.two = (uint16_t)bits};
  case 4:
    return (closs_element){.four = (uint32_t)bits};
  default:
    return (closs_element){.eight = bits};
  }
}

static uint64_t bits_of(closs_dtype type, closs_element element) {
  const size_t size = closs_dtype_size(type);
  return size == 8 ? element.eight : size == 4 ? element.four : element.two;
}

/* Volatile: each operation is rounded, none is moved. */
#define DEFINE_COMPUTE(NAME, REAL, BITS, FMA, LOAD, PUT, CLASS_NAN)                                                    \
  static volatile REAL NAME##_operands[3];                                                                             \
  static REAL NAME##_real(uint64_t bits) {                                                                             \
    BITS narrow = (BITS)bits;                                                                                          \
    REAL value;                                                                                                        \
    memcpy(&value, &narrow, sizeof value);                                                                             \
    return value;                                                                                                      \
  }                                                                                                                    \
  static REAL NAME##_flushed(REAL value, const closs_fault *fault) {                                                   \
    return fault->flush && fpclassify(value) == FP_SUBNORMAL ? 0 : value;                                              \
  }                                                                                                                    \
  static uint64_t NAME##_result(REAL value, const closs_fault *fault) {                                                \
    BITS bits;                                                                                                         \
    value = NAME##_flushed(value, fault);                                                                              \
    value = isnan(value) ? NAME##_real(CLASS_NAN) : value == 0 ? 0 : value;                                            \
    memcpy(&bits, &value, sizeof bits);                                                                                \
    return bits;                                                                                                       \
  }                                                                                                                    \
  static REAL NAME##_arithmetic(const closs_probe_case *one, const closs_fault *fault) {                               \
    volatile REAL *x = NAME##_operands;                                                                                \
    x[0] = NAME##_flushed(NAME##_real(one->a), fault);                                                                 \
    x[1] = NAME##_flushed(NAME##_real(one->b), fault);                                                                 \
    x[2] = NAME##_flushed(NAME##_real(one->c), fault);                                                                 \
    volatile REAL sum = x[0] + x[1], product = NAME##_flushed(x[0] * x[1], fault);                                     \
    volatile REAL z = sum - x[0], left = sum - z, right = x[1] - z, rest = x[0] - left;                                \
    switch (one->operation) {                                                                                          \
    case CLOSS_PROBE_SUM:                                                                                              \
      return sum;                                                                                                      \
    case CLOSS_PROBE_DIFFERENCE:                                                                                       \
      return x[0] - x[1];                                                                                              \
    case CLOSS_PROBE_PRODUCT:                                                                                          \
      return product;                                                                                                  \
    case CLOSS_PROBE_PRODUCT_PLUS:                                                                                     \
      return fault->contract ? FMA(x[0], x[1], x[2]) : product + x[2];                                                 \
    case CLOSS_PROBE_MINUS_PRODUCT:                                                                                    \
      return fault->contract ? FMA(-x[0], x[1], x[2]) : x[2] - product;                                                \
    case CLOSS_PROBE_ERROR:                                                                                            \
      return fault->simplify ? 0 : rest + right;                                                                       \
    case CLOSS_PROBE_SUM_OF_THREE:                                                                                     \
      return fault->simplify ? x[0] + (x[1] + x[2]) : sum + x[2];                                                      \
    case CLOSS_PROBE_LESS:                                                                                             \
      return x[0] < x[1];                                                                                              \
    default: /* CLOSS_PROBE_NAN */                                                                                     \
      return !fault->no_nan && isnan(x[0]);                                                                            \
    }                                                                                                                  \
  }                                                                                                                    \
  static uint64_t NAME##_compute(const closs_probe_case *one, const closs_fault *fault) {                              \
    closs_element element = element_of(one->type, one->a);                                                             \
    REAL pair[2] = {0, 0};                                                                                             \
    if (one->operation == CLOSS_PROBE_STORE) {                                                                         \
      pair[0] = NAME##_real(one->a);                                                                                   \
      PUT(one->type, &element, pair);                                                                                  \
      return bits_of(one->type, element);                                                                              \
    }                                                                                                                  \
    if (one->operation != CLOSS_PROBE_LOAD) return NAME##_result(NAME##_arithmetic(one, fault), fault);                \
    LOAD(one->type, &element, pair);                                                                                   \
    return NAME##_result(pair[0], fault);                                                                              \
  }

DEFINE_COMPUTE(f32, float, uint32_t, fmaf, closs_load_f32, closs_put_f32, 0x7fc00000)
DEFINE_COMPUTE(f64, double, uint64_t, fma, closs_load_f64, closs_put_f64, 0x7ff8000000000000)

static closs_device_class class_with(closs_dtype arithmetic, closs_fault fault) {
  uint64_t results[MOST_CASES];
  size_t count = 0;
  const closs_probe_case *cases = closs_probe_cases(arithmetic, &count);
  assert_in_range(count, 50, MOST_CASES);
  for (size_t i = 0; i < count; i++)
    results[i] = arithmetic == CLOSS_F64 ? f64_compute(&cases[i], &fault) : f32_compute(&cases[i], &fault);
  return closs_probe_judge(cases, count, results);
}

static const closs_dtype arithmetics[] = {CLOSS_F32, CLOSS_F64};

static void expectations(void **state) {
  (void)state;
  static const closs_fault none = {false};
  for (size_t t = 0; t < TEST_COUNT(arithmetics); t++) {
    size_t count = 0;
    const closs_probe_case *cases = closs_probe_cases(arithmetics[t], &count);
    for (size_t i = 0; i < count; i++)
      assert_int_equal(t ? f64_compute(&cases[i], &none) : f32_compute(&cases[i], &none), cases[i].expected);
    assert_int_equal(class_with(arithmetics[t], none), CLOSS_CLASS_EXACT);
  }
}

/* A case is marked subnormal where flushing changes it, and no other differs then. */
static void flushing(void **state) {
  (void)state;
  for (size_t t = 0; t < TEST_COUNT(arithmetics); t++)
    assert_int_equal(class_with(arithmetics[t], (closs_fault){.flush = true}), CLOSS_CLASS_NORMAL);
}

static void other_faults(void **state) {
  (void)state;
  for (size_t t = 0; t < TEST_COUNT(arithmetics); t++) {
    assert_int_equal(class_with(arithmetics[t], (closs_fault){.contract = true}), CLOSS_CLASS_OTHER);
    assert_int_equal(class_with(arithmetics[t], (closs_fault){.simplify = true}), CLOSS_CLASS_OTHER);
    assert_int_equal(class_with(arithmetics[t], (closs_fault){.no_nan = true}), CLOSS_CLASS_OTHER);
    assert_int_equal(class_with(arithmetics[t], (closs_fault){.flush = true, .contract = true}), CLOSS_CLASS_OTHER);
  }
}

/* One wrong bit in any case is seen, and a subnormal case alone still leaves NORMAL. */
static void every_case_counts(void **state) {
  (void)state;
  for (size_t t = 0; t < TEST_COUNT(arithmetics); t++) {
    size_t count = 0;
    const closs_probe_case *cases = closs_probe_cases(arithmetics[t], &count);
    uint64_t results[MOST_CASES];
    for (size_t i = 0; i < count; i++)
      results[i] = cases[i].expected;
    for (size_t i = 0; i < count; i++) {
      results[i] ^= 1;
      assert_int_equal(closs_probe_judge(cases, count, results),
                       cases[i].subnormal ? CLOSS_CLASS_NORMAL : CLOSS_CLASS_OTHER);
      results[i] ^= 1;
    }
    assert_int_equal(closs_probe_judge(cases, count, results), CLOSS_CLASS_EXACT);
  }
}

/* Each operation, and each type that is loaded and stored, has a case. */
static void coverage(void **state) {
  (void)state;
  for (size_t t = 0; t < TEST_COUNT(arithmetics); t++) {
    size_t count = 0, operations[CLOSS_PROBE_OPERATIONS] = {0}, subnormal = 0;
    const closs_probe_case *cases = closs_probe_cases(arithmetics[t], &count);
    for (size_t i = 0; i < count; i++) {
      operations[cases[i].operation]++;
      subnormal += cases[i].subnormal;
      assert_int_equal(cases[i].type != 0, cases[i].operation >= CLOSS_PROBE_LOAD);
    }
    for (size_t i = 0; i < CLOSS_PROBE_OPERATIONS; i++)
      assert_true(operations[i] > 0);
    assert_in_range(subnormal, 10, count - 40);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(expectations),      cmocka_unit_test(flushing), cmocka_unit_test(other_faults),
      cmocka_unit_test(every_case_counts), cmocka_unit_test(coverage),
  };
  return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
