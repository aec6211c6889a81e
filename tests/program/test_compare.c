/* The cases of `closs check`, without a device: that they stay the same, and what the bound lets pass. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "check_case.h"
#include "check_compare.h"

static const struct {
  const char *group;
  uint64_t hashes[2];
} published[] = {
#include "published.def"
};

/* Runs the reference for both, the device's results and the expected ones. */
static void run_both(const struct check_case *made) {
  closs_error error;
  for (int expected = 0; expected < 2; expected++) {
    closs_arrays arrays = check_case_arrays(made, expected == 1);
    if (closs_reference(&made->options, &arrays, &error) != CLOSS_OK) fail_msg("%s", error.text);
  }
}

/* The reference computes what was published, over the short list. */
static void published_hashes(void **state) {
  (void)state;
  assert_int_equal(check_group_count(), sizeof published / sizeof published[0]);
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    uint64_t hash = CHECK_HASH;
    check_group_get(i, &group);
    assert_string_equal(group.name, published[i].group);
    for (size_t number = 0; number < check_group_cases(&group, false); number++) {
      struct check_case made;
      closs_error error;
      assert_true(check_case_make(&made, &group, number));
      closs_arrays arrays = check_case_arrays(&made, true);
      if (closs_reference(&made.options, &arrays, &error) != CLOSS_OK) fail_msg("%s: %s", group.name, error.text);
      hash = check_case_hash(&made, true, hash);
      check_case_release(&made);
    }
    if (hash != published[i].hashes[0]) fail_msg("%s: %016" PRIx64 " was published otherwise", group.name, hash);
  }
}

/* All choices occur in the lists. */
static void coverage(void **state) {
  (void)state;
  unsigned reductions = 0, outputs = 0, dtypes = 0, full_dtypes = 0;
  size_t weighted = 0, over_count = 0, upstream = 0, accumulated = 0, broadcast = 0, backwards = 0, special = 0;
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    check_group_get(i, &group);
    if (group.wide) continue;
    for (size_t number = 2; number < check_group_cases(&group, true); number += number < 30 ? 10 : 16) {
      struct check_case made;
      bool few = number < check_group_cases(&group, false);
      assert_true(check_case_make(&made, &group, number));
      const closs_plan_options *o = &made.options;
      unsigned both = 1u << o->input.dtype | 1u << o->target.dtype;
      full_dtypes |= both;
      if (few) dtypes |= both;
      if (few) reductions |= 1u << o->reduction;
      if (few) outputs |= 1u << o->outputs;
      weighted += o->weight != NULL;
      over_count += o->mean_over == CLOSS_MEAN_OVER_COUNT;
      upstream += o->upstream != NULL;
      accumulated += o->input_gradient_mode != 0 || o->target_gradient_mode != 0;
      broadcast += closs_tensor_elements(&o->input) != closs_tensor_elements(&o->target);
      backwards += o->input.strides[1] < 0 || o->target.strides[0] < 0;
      special += made.parameter.value > 1e300;
      check_case_release(&made);
    }
  }
  assert_int_equal(reductions, 7);
  assert_int_equal(outputs, 0xfe);
  assert_int_equal(full_dtypes, 0xfffe);
  assert_int_equal(dtypes & (0x3fu << CLOSS_F16), 0x3fu << CLOSS_F16);
  assert_true(weighted > 20 && over_count > 4 && upstream > 20 && accumulated > 20);
  assert_true(broadcast > 20 && backwards > 10 && special > 4);
}

/*
 * What a device computes: of the full list each case in every schedule; of the short one every variant, each loss, and
 * in both schedules every arithmetic, access and reduction.
 */
static void ways(void **state) {
  (void)state;
  unsigned losses = 0, sizes = 0, met[3] = {0, 0, 0}, variants = 0;
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    struct check_way ways[CHECK_WAYS];
    size_t computed = 0;
    check_group_get(i, &group);
    for (size_t number = 0; number < check_group_cases(&group, true); number++) {
      assert_int_equal(check_case_ways(&group, number, true, ways), 3);
      for (unsigned way = 0; way < 3; way++)
        assert_int_equal(ways[way].schedule, way);
      if (number >= check_group_cases(&group, false)) continue;
      size_t count = check_case_ways(&group, number, false, ways);
      computed += count;
      if (count == 0) continue;
      struct check_case made;
      assert_int_equal(count, 1);
      assert_true(check_case_make(&made, &group, number));
      met[ways[0].schedule] |= 1u << made.options.reduction | (group.arithmetic == CLOSS_F64 ? 8u : 16u) |
                               (group.access == CHECK_STRIDED ? 32u : 64u) | (group.wide ? 128u : 0);
      check_case_release(&made);
      sizes |= ways[0].work_group;
      losses |= 1u << group.place[0];
      variants |= 1u << group.place[1];
    }
    assert_int_equal(computed > 0, check_group_short(&group));
  }
  assert_int_equal(met[CLOSS_SCHEDULE_AUTO], 0);
  assert_int_equal(met[CLOSS_SCHEDULE_LANES], 0xff);
  assert_int_equal(met[CLOSS_SCHEDULE_GROUPS], 0xff);
  assert_int_equal(sizes, 64 | 256 | 8 | 1);
  assert_int_equal(losses, (1u << closs_loss_count()) - 1);
  assert_int_equal(variants, 0xffff);
}

/* A hash tells values, their order and their number apart. */
static void hash_differs(void **state) {
  (void)state;
  struct check_group group;
  struct check_case made;
  check_group_get(2, &group);
  assert_true(check_case_make(&made, &group, 3));
  run_both(&made);
  uint64_t hash = check_case_hash(&made, true, CHECK_HASH);
  assert_int_equal(check_case_hash(&made, false, CHECK_HASH), hash);
  for (int slot = CHECK_LOSS; slot < CHECK_ARRAYS; slot++) {
    if (made.bytes[slot] == 0) continue;
    ((unsigned char *)made.memory[slot])[made.bytes[slot] - 1] ^= 1;
    assert_int_not_equal(check_case_hash(&made, false, CHECK_HASH), hash);
    ((unsigned char *)made.memory[slot])[made.bytes[slot] - 1] ^= 1;
  }
  check_case_release(&made);
}

/* Moves a number of an output by so many units. */
static void move(struct check_case *made, int slot, size_t index, double units) {
  closs_dtype real = closs_dtype_real(made->tensors[slot].dtype);
  char *at = (char *)made->memory[slot] + index * closs_dtype_size(real);
  double value;
  int exponent;
  assert_int_equal(closs_convert(CLOSS_F64, &value, real, at, 1, NULL), CLOSS_OK);
  frexp(value, &exponent);
  value += units * ldexp(1, exponent - (real == CLOSS_F64 ? 53 : real == CLOSS_F32 ? 24 : real == CLOSS_F16 ? 11 : 8));
  assert_int_equal(closs_convert(real, at, CLOSS_F64, &value, 1, NULL), CLOSS_OK);
}

/* Whether one finite number, not 0, of an unreduced loss may be moved by so many units. */
static bool passes(size_t group_index, double units) {
  struct check_group group;
  check_group_get(group_index, &group);
  for (size_t number = 2;; number++) {
    struct check_case made;
    assert_true(check_case_make(&made, &group, number));
    closs_dtype real = closs_dtype_real(made.tensors[CHECK_LOSS].dtype);
    bool fits = made.used[CHECK_LOSS] && made.options.reduction == CLOSS_NONE && made.bytes[CHECK_LOSS] > 0;
    if (fits) run_both(&made);
    for (size_t i = 0; fits && i < made.bytes[CHECK_LOSS] / closs_dtype_size(real); i++) {
      double value;
      closs_convert(CLOSS_F64, &value, real, (char *)made.memory[CHECK_LOSS] + i * closs_dtype_size(real), 1, NULL);
      if (value == 0 || !isfinite(value)) continue;
      assert_true(check_within_bound(&made));
      move(&made, CHECK_LOSS, i, units);
      bool within = check_within_bound(&made);
      check_case_release(&made);
      return within;
    }
    check_case_release(&made);
  }
}

static void element_bound(void **state) {
  (void)state;
  for (size_t group = 0; group < 4; group++) { /* l1 of the four real types */
    assert_true(passes(group, 4));
    assert_true(passes(group, -3));
    assert_false(passes(group, 9));
    assert_false(passes(group, -9));
  }
}

/* NaN and infinities have to be where the reference has them. */
static void special_values(void **state) {
  (void)state;
  struct check_group group;
  struct check_case made;
  check_group_get(2, &group);
  for (size_t number = 3; number < check_group_cases(&group, false); number++) {
    assert_true(check_case_make(&made, &group, number));
    if (made.used[CHECK_LOSS]) break;
    check_case_release(&made);
  }
  run_both(&made);
  float *got = made.memory[CHECK_LOSS], *wanted = made.expected[CHECK_LOSS];
  static const float cases[][2] = {{NAN, 1},       {1, NAN}, {INFINITY, 1}, {1, INFINITY}, {INFINITY, -INFINITY},
                                   {INFINITY, NAN}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    got[0] = cases[i][0];
    wanted[0] = cases[i][1];
    assert_false(check_within_bound(&made));
    got[0] = wanted[0];
    assert_true(check_within_bound(&made));
  }
  check_case_release(&made);
}

/* The gradient of a broadcast operand may be off by the terms that went into it; a complex one by its larger part. */
static void sums_and_complex(void **state) {
  (void)state;
  size_t sums = 0, pairs = 0;
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    check_group_get(i, &group);
    if (group.wide || group.subnormal || group.access != CHECK_STRIDED) continue;
    for (size_t number = 5; number < check_group_cases(&group, false); number += 10) {
      struct check_case made;
      assert_true(check_case_make(&made, &group, number));
      run_both(&made);
      if (!check_within_bound(&made)) fail_msg("%s: case %zu is not within its own bound", group.name, number);
      for (int slot = CHECK_INPUT_GRADIENT; slot < CHECK_ARRAYS; slot++) {
        closs_dtype dtype = made.tensors[slot].dtype;
        double value = 0;
        if (made.bytes[slot] == 0 || dtype < CLOSS_F32) continue;
        closs_convert(CLOSS_F64, &value, closs_dtype_real(dtype), made.memory[slot], 1, NULL);
        if (value == 0 || !isfinite(value)) continue;
        if (dtype >= CLOSS_C64) pairs++;
        const closs_tensor *partner = &made.tensors[CHECK_INPUT + CHECK_TARGET_GRADIENT - slot];
        if (closs_tensor_elements(&made.tensors[slot]) < closs_tensor_elements(partner)) sums++;
        move(&made, slot, 0, 3);
        assert_true(check_within_bound(&made));
        move(&made, slot, 0, 1e6);
        assert_false(check_within_bound(&made));
        break;
      }
      check_case_release(&made);
    }
  }
  assert_true(pairs > 0 && sums > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_hashes), cmocka_unit_test(coverage),      cmocka_unit_test(ways),
      cmocka_unit_test(hash_differs),     cmocka_unit_test(element_bound), cmocka_unit_test(special_values),
      cmocka_unit_test(sums_and_complex)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
