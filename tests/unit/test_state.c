/* States on the host: their bytes, merging in any grouping, results, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "closs/host.h"
#include "closs/partial.h"
#include "oracle/ball.h"
#include "support/harness.h"
#include "support/values.h"

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

static const closs_dtype types[] = {CLOSS_F32, CLOSS_F64};

static void make_state(closs_dtype dtype, const void *terms, size_t begin, size_t end, void *state) {
  if (dtype == CLOSS_F64)
    naive_state_f64(terms, begin, end, state);
  else
    naive_state_f32(terms, begin, end, state);
}

static void *random_terms(closs_dtype dtype, size_t count, test_values values, uint64_t *stream) {
  void *terms = test_allocate(count * closs_dtype_size(dtype));
  test_fill(dtype, terms, count, values, stream);
  return terms;
}

static void sizes(void **state) {
  (void)state;
  assert_int_equal(closs_state_size(CLOSS_F32), 32 + 128 * 8);
  assert_int_equal(closs_state_size(CLOSS_F64), 32 + 128 * 16);
  assert_int_equal(closs_state_size(CLOSS_F16), 0);
  assert_int_equal(closs_state_size((closs_dtype)0), 0);
}

static void empty_states(void **unused) {
  (void)unused;
  static const uint64_t firsts[] = {0, 4096, (uint64_t)3 << 33};
  for (unsigned i = 0; i < TEST_COUNT(types); ++i)
    for (unsigned j = 0; j < TEST_COUNT(firsts); ++j) {
      unsigned char state[2080], expected[2080];
      uint64_t begin = 1, end = 1;
      const uint64_t first = firsts[j];
      const uint32_t words[8] = {0x634c5331,
                                 (uint32_t)types[i],
                                 (uint32_t)first,
                                 (uint32_t)(first >> 32),
                                 (uint32_t)first,
                                 (uint32_t)(first >> 32),
                                 0,
                                 0};
      memset(state, 0xa5, sizeof state);
      memset(expected, 0, sizeof expected);
      memcpy(expected, words, sizeof words);
      assert_int_equal(closs_state_init(state, types[i], first, NULL), CLOSS_OK);
      assert_memory_equal(state, expected, closs_state_size(types[i]));
      assert_int_equal(closs_state_range(state, &begin, &end, NULL), CLOSS_OK);
      assert_true(begin == first && end == first);
      assert_int_equal(closs_state_range(state, NULL, NULL, NULL), CLOSS_OK);
    }
}

/* ---- Merging ---- */

enum { PIECES = 12 };

/* Cuts all terms into pieces at random chunks, some empty, and merges random neighbours until one state is left. */
static void merge_pieces(closs_dtype dtype, const void *terms, size_t terms_in_all, uint64_t *stream) {
  const size_t size = closs_state_size(dtype), chunks = terms_in_all / 4096;
  unsigned char states[PIECES][2080], expected[2080];
  size_t cuts[PIECES + 1] = {0};
  size_t count = 1 + (size_t)(test_random(stream) % PIECES);
  for (size_t i = 1; i < count; ++i) {
    const size_t left = chunks - cuts[i - 1] / 4096;
    cuts[i] = cuts[i - 1] + 4096 * (size_t)(test_random(stream) % (2 * left / (count - i) + 1) % (left + 1));
  }
  cuts[count] = terms_in_all;
  for (size_t i = 0; i < count; ++i)
    make_state(dtype, terms, cuts[i], cuts[i + 1], states[i]);
  for (; count > 1; --count) {
    const size_t i = (size_t)(test_random(stream) % (count - 1));
    closs_error error = {CLOSS_OK, 0, ""};
    if (closs_state_merge(states[i], states[i + 1], &error) != CLOSS_OK) fail_msg("%s", error.text);
    memmove(&cuts[i + 1], &cuts[i + 2], (count - 1 - i) * sizeof cuts[0]);
    memmove(states[i + 1], states[i + 2], (count - 2 - i) * sizeof states[0]);
    make_state(dtype, terms, cuts[i], cuts[i + 1], expected);
    assert_memory_equal(states[i], expected, size);
  }
}

static void merging_in_any_grouping(void **state) {
  (void)state;
  static const size_t totals[] = {0,         1, 4095, 4096, 4097, 2 * 4096, 3 * 4096 + 63, 16 * 4096, 37 * 4096 + 1,
                                  100 * 4096};
  uint64_t stream = 5;
  for (unsigned i = 0; i < TEST_COUNT(types); ++i)
    for (unsigned j = 0; j < TEST_COUNT(totals); ++j) {
      void *terms = random_terms(types[i], totals[j], j % 2 ? TEST_EXTREME : TEST_PLAIN, &stream);
      for (int repeat = 0; repeat < 20; ++repeat)
        merge_pieces(types[i], terms, totals[j], &stream);
      free(terms);
    }
}

/* Blocks far from the beginning: begin and end need more than 32 bits. */
static void merging_far_out(void **state) {
  (void)state;
  const uint64_t far = ((uint64_t)1 << 42) - 4096;
  unsigned char first[1056], second[1056];
  uint64_t begin, end;
  float trees[6];
  uint32_t words[8];
  for (int i = 0; i < 2; ++i) { /* two chunks that are neighbours but of different parents, then one more */
    unsigned char *at = i ? second : first;
    const uint64_t from = far + 4096 * (uint64_t)i, to = from + 4096;
    assert_int_equal(closs_state_init(at, CLOSS_F32, from, NULL), CLOSS_OK);
    memcpy(words, at, sizeof words);
    words[4] = (uint32_t)to;
    words[5] = (uint32_t)(to >> 32);
    memcpy(at, words, sizeof words);
    memcpy(at + 32, (const float[]){(float)(i + 1), 0}, 2 * sizeof(float));
  }
  assert_int_equal(closs_state_merge(first, second, NULL), CLOSS_OK);
  assert_int_equal(closs_state_range(first, &begin, &end, NULL), CLOSS_OK);
  assert_true(begin == far && end == far + 2 * 4096);
  memcpy(trees, first + 32, sizeof trees);
  assert_true(trees[0] == 1 && trees[2] == 2 && trees[4] == 0);
}

/* ---- Results ---- */

/* The reference's loss of the same terms: l1 of them and 0, weighted. */
static void reference_loss(closs_dtype dtype, closs_reduction reduction, size_t count, const void *terms,
                           const void *weights, void *loss) {
  const uint64_t shape[] = {count};
  const double zero = 0;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  const closs_tensor tensor = closs_tensor_contiguous(dtype, 1, shape);
  options.loss = CLOSS_L1;
  options.reduction = reduction;
  options.input = tensor;
  options.target = closs_tensor_contiguous(dtype, 0, NULL);
  options.weight = weights ? &tensor : NULL;
  arrays.input = terms;
  arrays.target = &zero;
  arrays.weight = weights;
  arrays.loss = loss;
  assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
}

static void multiply_terms(closs_dtype dtype, size_t count, const void *a, const void *b, void *product) {
  for (size_t i = 0; i < count; ++i)
    if (dtype == CLOSS_F64)
      ((double *)product)[i] = ((const double *)a)[i] * ((const double *)b)[i];
    else
      ((float *)product)[i] = ((const float *)a)[i] * ((const float *)b)[i];
}

static void finish_one(closs_dtype dtype, size_t count, uint64_t *stream) {
  const size_t size = closs_dtype_size(dtype);
  void *terms = random_terms(dtype, count, TEST_POSITIVE, stream);
  void *weights = random_terms(dtype, count, TEST_POSITIVE, stream);
  void *weighted = test_allocate(count * size);
  unsigned char plain_state[2080], weighted_state[2080], weights_state[2080], loss[8], expected[8];
  multiply_terms(dtype, count, terms, weights, weighted);
  make_state(dtype, terms, 0, count, plain_state);
  make_state(dtype, weighted, 0, count, weighted_state);
  make_state(dtype, weights, 0, count, weights_state);
  for (closs_reduction reduction = CLOSS_MEAN; reduction <= CLOSS_SUM; ++reduction) {
    reference_loss(dtype, reduction, count, terms, NULL, expected);
    assert_int_equal(closs_state_finish(plain_state, count, reduction, NULL, dtype, loss, NULL), CLOSS_OK);
    assert_memory_equal(loss, expected, size);
  }
  reference_loss(dtype, CLOSS_MEAN, count, terms, weights, expected);
  assert_int_equal(closs_state_finish(weighted_state, count, CLOSS_MEAN, weights_state, dtype, loss, NULL), CLOSS_OK);
  assert_memory_equal(loss, expected, size);
  free(terms);
  free(weights);
  free(weighted);
}

static void results_are_those_of_the_whole(void **state) {
  (void)state;
  static const size_t counts[] = {0, 1, 3, 64, 4096, 5 * 4096 + 100, 64 * 4096};
  uint64_t stream = 6;
  for (unsigned i = 0; i < TEST_COUNT(types); ++i)
    for (unsigned j = 0; j < TEST_COUNT(counts); ++j)
      finish_one(types[i], counts[j], &stream);
}

static void results_in_every_type(void **unused) {
  (void)unused;
  const float terms[2] = {1, 0x1p-8f};
  unsigned char state[1056];
  uint16_t half;
  float narrow;
  naive_state_f32(terms, 0, 2, state);
  assert_int_equal(closs_state_finish(state, 2, CLOSS_SUM, NULL, CLOSS_F32, &narrow, NULL), CLOSS_OK);
  assert_true(narrow == 1 + 0x1p-8f);
  assert_int_equal(closs_state_finish(state, 2, CLOSS_SUM, NULL, CLOSS_F16, &half, NULL), CLOSS_OK);
  assert_int_equal(half, 0x3c04);
  assert_int_equal(closs_state_finish(state, 2, CLOSS_SUM, NULL, CLOSS_BF16, &half, NULL), CLOSS_OK);
  assert_int_equal(half, 0x3f80); /* a tie: to even */
}

/* ---- The reciprocal of the weights ---- */

/* Of weights whose sum is s + c, exact: the factor's high part is the nearest but for half a unit and a trace. */
static void check_reciprocal(closs_dtype dtype, const void *weights, size_t count, oracle_real sum) {
  unsigned char state[2080];
  double factor[2];
  const format *type = format_of(dtype);
  make_state(dtype, weights, 0, count, state);
  assert_int_equal(closs_state_reciprocal(state, count, factor, NULL), CLOSS_OK);
  const oracle_real expected = 1 / sum, unit = unit_at(expected, type);
  const oracle_real rest = magnitude((oracle_real)factor[0] + (oracle_real)factor[1] - expected);
  assert_true(magnitude((oracle_real)factor[0] - expected) <= unit * (oracle_real)0.501);
  assert_true(rest <= unit * unit_at(1, type) * 2);
}

static void reciprocals(void **unused) {
  (void)unused;
  uint64_t stream = 8;
  for (int i = 0; i < 20000; ++i) {
    float narrow[2];
    double full[2];
    test_fill(CLOSS_F32, narrow, 2, TEST_POSITIVE, &stream);
    test_fill(CLOSS_F64, full, 2, TEST_POSITIVE, &stream);
    const float sign = i % 2 ? -1 : 1;
    narrow[0] *= sign;
    narrow[1] *= sign;
    check_reciprocal(CLOSS_F32, narrow, 2, (oracle_real)narrow[0] + (oracle_real)narrow[1]);
    check_reciprocal(CLOSS_F64, full, 2, (oracle_real)full[0] + (oracle_real)full[1]);
  }
}

static void special_reciprocals(void **unused) {
  (void)unused;
  static const struct {
    float weight;
    double high;
  } cases[] = {{0, (double)INFINITY},         {(float)INFINITY, 0},
               {-(float)INFINITY, 0},         {0x1p127f, 0x1p-127},
               {0x1p-149f, (double)INFINITY}, {-0x1p-149f, -(double)INFINITY},
               {0x1p-127f, 0x1p127},          {4, 0.25}};
  unsigned char state[1056];
  double factor[2];
  for (unsigned i = 0; i < TEST_COUNT(cases); ++i) {
    naive_state_f32(&cases[i].weight, 0, 1, state);
    assert_int_equal(closs_state_reciprocal(state, 1, factor, NULL), CLOSS_OK);
    if (factor[0] != cases[i].high || factor[1] != 0)
      fail_msg("1 / %a is %a + %a", (double)cases[i].weight, factor[0], factor[1]);
  }
  naive_state_f32((const float[]){(float)NAN}, 0, 1, state);
  assert_int_equal(closs_state_reciprocal(state, 1, factor, NULL), CLOSS_OK);
  assert_true(isnan(factor[0]) && factor[1] == 0);
}

/* ---- What is refused ---- */

static closs_error error;

static void refused(closs_status status, const char *text) {
  assert_int_equal(status, CLOSS_INVALID_ARGUMENT);
  assert_int_equal(error.status, CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, text);
}

static void set_word(unsigned char *state, int word, uint32_t value) {
  memcpy(state + 4 * word, &value, sizeof value);
}

static void bad_states(void **unused) {
  (void)unused;
  unsigned char state[1056];
  refused(closs_state_range(NULL, NULL, NULL, &error), "state: is NULL, expected a state");
  refused(closs_state_init(NULL, CLOSS_F32, 0, &error), "state: is NULL, expected 1056 bytes");
  refused(closs_state_init(state, CLOSS_F16, 0, &error), "arithmetic: is f16, expected f32 or f64");
  refused(closs_state_init(state, CLOSS_F32, 100, &error),
          "first_term: is 100, expected a multiple of 4096 below 2^43");
  refused(closs_state_init(state, CLOSS_F32, (uint64_t)1 << 43, &error),
          "first_term: is 8796093022208, expected a multiple of 4096 below 2^43");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  set_word(state, 0, 0x31534c63);
  refused(closs_state_range(state, NULL, NULL, &error),
          "state: begins with 31534c63 0000000c, which is no state of this byte order");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  set_word(state, 1, 10);
  refused(closs_state_range(state, NULL, NULL, &error),
          "state: begins with 634c5331 0000000a, which is no state of this byte order");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  set_word(state, 4, 4095);
  refused(closs_state_range(state, NULL, NULL, &error), "state: holds terms 4096 to 4095, which no state can");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  set_word(state, 2, 4095);
  refused(closs_state_range(state, NULL, NULL, &error), "state: holds terms 4095 to 4096, which no state can");
  closs_state_init(state, CLOSS_F32, 0, NULL);
  set_word(state, 5, 0x1001);
  refused(closs_state_range(state, NULL, NULL, &error), "state: holds terms 0 to 17596481011712, which no state can");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  set_word(state, 6, 1);
  refused(closs_state_range(state, NULL, NULL, &error),
          "state: a piece after term 4096 did not begin where the one before ended");
}

static void bad_merges(void **unused) {
  (void)unused;
  unsigned char state[2080] = {0}, next[2080], before[2080]; /* f32 takes fewer bytes than f64 */
  const float terms[10] = {1, 2, 3};
  naive_state_f32(terms, 0, 10, state);
  memcpy(before, state, sizeof state);
  closs_state_init(next, CLOSS_F32, 4096, NULL);
  refused(closs_state_merge(state, next, &error), "next: begins at term 4096, expected 10, the end of state");
  assert_memory_equal(state, before, sizeof state);
  closs_state_init(next, CLOSS_F64, 0, NULL);
  refused(closs_state_merge(state, next, &error), "next: is a state of f64, expected f32");
  refused(closs_state_merge(state, NULL, &error), "next: is NULL, expected a state");
  refused(closs_state_merge(NULL, next, &error), "state: is NULL, expected a state");
  assert_memory_equal(state, before, sizeof state);
}

static void bad_finishes(void **unused) {
  (void)unused;
  unsigned char state[2080], weights[2080];
  double result[2];
  const float terms[10] = {1, 2, 3};
  naive_state_f32(terms, 0, 10, state);
  closs_state_init(weights, CLOSS_F32, 0, NULL);
#define FINISH(total, reduction, divisor, dtype, loss)                                                                 \
  closs_state_finish(state, total, reduction, divisor, dtype, loss, &error)
  refused(FINISH(11, CLOSS_SUM, NULL, CLOSS_F32, result), "state: holds terms 0 to 10, expected 0 to 11");
  refused(FINISH(10, CLOSS_NONE, NULL, CLOSS_F32, result), "reduction: is none, expected mean or sum");
  refused(FINISH(10, CLOSS_SUM, NULL, CLOSS_F64, result), "loss_dtype: is f64, expected f16, bf16 or f32");
  refused(FINISH(10, CLOSS_SUM, NULL, CLOSS_C64, result), "loss_dtype: is c64, expected f16, bf16 or f32");
  refused(FINISH(10, CLOSS_SUM, NULL, CLOSS_I32, result), "loss_dtype: is i32, expected f16, bf16 or f32");
  refused(FINISH(10, CLOSS_SUM, NULL, CLOSS_F32, NULL), "loss: is NULL, expected one element");
  refused(FINISH(10, CLOSS_MEAN, weights, CLOSS_F32, result), "weights: holds terms 0 to 0, expected 0 to 10");
  refused(FINISH(10, CLOSS_SUM, state, CLOSS_F32, result), "weights: a sum divides by nothing, expected NULL");
#undef FINISH
  naive_state_f64((const double[10]){1}, 0, 10, weights);
  refused(closs_state_finish(state, 10, CLOSS_MEAN, weights, CLOSS_F32, result, &error),
          "weights: is a state of f64, expected f32");
  refused(closs_state_finish(weights, 10, CLOSS_MEAN, NULL, CLOSS_F32, result, &error),
          "loss_dtype: is f32, expected f64");
  refused(closs_state_reciprocal(state, 9, result, &error), "weights: holds terms 0 to 10, expected 0 to 9");
  refused(closs_state_reciprocal(state, 10, NULL, &error), "reciprocal: is NULL, expected two numbers");
  closs_state_init(state, CLOSS_F32, 4096, NULL);
  refused(closs_state_finish(state, 4096, CLOSS_SUM, NULL, CLOSS_F32, result, &error),
          "state: holds terms 4096 to 4096, expected 0 to 4096");
}

static void refused_gradient(const void *states, const closs_state_gradient_options *options, const char *text) {
  unsigned char untouched[16], gradient[16] = {1, 2, 3};
  memcpy(untouched, gradient, sizeof gradient);
  assert_int_equal(closs_state_gradient(states, options, gradient, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, text);
  assert_memory_equal(gradient, untouched, sizeof gradient);
}

/* Against the reference is tests/device/test_partial.c; here what is refused, and the sum of nothing. */
static void gradients(void **unused) {
  (void)unused;
  unsigned char states[2 * 1056], weights[2080];
  closs_state_gradient_options options = CLOSS_STATE_GRADIENT_INIT;
  char text[160];
  float gradient = 5;
  assert_int_equal(closs_state_init(states, CLOSS_F32, 0, NULL), CLOSS_OK);
  assert_int_equal(closs_state_init(weights, CLOSS_F64, 0, NULL), CLOSS_OK);
  memset(states + 1056, 0, 1056);
  options.upstream_value = INFINITY;
  assert_int_equal(closs_state_gradient(states, &options, &gradient, &error), CLOSS_OK);
  assert_true(gradient == 0);
  gradient = 5;
  options.accumulate = true;
  assert_int_equal(closs_state_gradient(states, &options, &gradient, &error), CLOSS_OK);
  assert_true(gradient == 5);

  options.column_terms = 7;
  refused_gradient(states, &options, "states: holds terms 0 to 0, expected 0 to 7");
  options.column_terms = 0;
  options.weights = weights;
  refused_gradient(states, &options, "weights: is a state of f64, expected f32");
  options.reduction = CLOSS_SUM;
  refused_gradient(states, &options, "weights: only a mean divides by them, expected NULL");
  options.reduction = (closs_reduction)3;
  refused_gradient(states, &options, "reduction: 3 is none of none (0), mean (1) and sum (2)");
  options = (closs_state_gradient_options)CLOSS_STATE_GRADIENT_INIT;
  options.dtype = CLOSS_F64;
  refused_gradient(states, &options, "dtype: is f64, expected f16, bf16, f32 or c64");
  options.dtype = CLOSS_I32;
  refused_gradient(weights, &options, "dtype: is i32, expected a floating or complex type");
  options.dtype = CLOSS_C64;
  refused_gradient(states, &options,
                   "states: the second: begins with 00000000 00000000, which is no state of this byte order");
  options.size--;
  (void)snprintf(text, sizeof text, "options: size is %zu, expected %zu; start from CLOSS_STATE_GRADIENT_INIT",
                 sizeof options - 1, sizeof options);
  refused_gradient(states, &options, text);
  options.size++;
  options.dtype = CLOSS_F32;
  assert_int_equal(closs_state_gradient(states, &options, NULL, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "gradient: is NULL, expected one element");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes),
      cmocka_unit_test(empty_states),
      cmocka_unit_test(merging_in_any_grouping),
      cmocka_unit_test(merging_far_out),
      cmocka_unit_test(results_are_those_of_the_whole),
      cmocka_unit_test(results_in_every_type),
      cmocka_unit_test(reciprocals),
      cmocka_unit_test(special_reciprocals),
      cmocka_unit_test(bad_states),
      cmocka_unit_test(bad_merges),
      cmocka_unit_test(bad_finishes),
      cmocka_unit_test(gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
