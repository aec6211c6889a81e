#include "unit/options.h"

#define BOTH (CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT)

static void loss_layouts(void **state) {
  (void)state;
  closs_plan_options options = usual();
  closs_request request = accepted(&options);
  assert_true(request.used[CLOSS_SLOT_LOSS]);
  assert_int_equal(request.tensors[CLOSS_SLOT_LOSS].rank, 0);
  options.loss = CLOSS_L1;
  options.reduction = CLOSS_NONE;
  options.input.dtype = CLOSS_C128;
  request = accepted(&options);
  assert_int_equal(request.tensors[CLOSS_SLOT_LOSS].dtype, CLOSS_F64);
  assert_int_equal(request.tensors[CLOSS_SLOT_LOSS].rank, 2);
  assert_int_equal(request.strides[CLOSS_SLOT_LOSS][0], 3);
  closs_tensor layout = tensor(CLOSS_F64, SHAPE(2, 3));
  layout.strides[0] = 1;
  layout.strides[1] = -2;
  options.loss_layout = &layout;
  request = accepted(&options);
  assert_int_equal(request.strides[CLOSS_SLOT_LOSS][1], -2);
  assert_int_equal(request.lowest[CLOSS_SLOT_LOSS], -4);
  assert_int_equal(request.highest[CLOSS_SLOT_LOSS], 1);
}

static void wrong_loss_layouts(void **state) {
  (void)state;
  closs_plan_options options = usual();
  closs_tensor layout = tensor(CLOSS_F64, 0, NULL);
  options.loss_layout = &layout;
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: type is f64, expected f32");
  layout = tensor(CLOSS_F32, SHAPE(1));
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: shape is [1], expected []");
  options.reduction = CLOSS_NONE;
  layout = tensor(CLOSS_F32, SHAPE(3, 2));
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: shape is [3, 2], expected [2, 3]");
  layout.rank = 9;
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: rank is 9, expected at most 8");
  layout = tensor(CLOSS_F32, SHAPE(2, 3));
  layout.strides[0] = 2;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "loss: with strides [2, 1] elements may share memory; dimension 0 has 2, expected at least 3");
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: a layout is given, but the plan does not write it");
}

static void overlap(void **state) {
  (void)state;
  static const struct {
    uint64_t shape[3];
    int64_t strides[3];
    const char *text; /* NULL: accepted */
  } rows[] = {
      {{2, 3, 4}, {1, 2, 6}, NULL},
      {{2, 3, 4}, {-12, 4, -1}, NULL},
      {{2, 3, 4}, {-120, 40, 13}, NULL},
      {{2, 1, 4}, {4, 0, 1}, NULL},
      {{2, 0, 4}, {0, 0, 0}, NULL},
      {{2, 3, 4},
       {0, 4, 1},
       "loss: with strides [0, 4, 1] elements may share memory; dimension 0 has 0, expected at least 1"},
      {{2, 3, 4},
       {11, 4, 1},
       "loss: with strides [11, 4, 1] elements may share memory; dimension 0 has 11, expected at least 12"},
      {{2, 3, 4},
       {3, -3, 6},
       "loss: with strides [3, -3, 6] elements may share memory; dimension 1 has 3, expected at least 4"},
      {{2, 3, 4},
       {12, 3, 1},
       "loss: with strides [12, 3, 1] elements may share memory; dimension 1 has 3, expected at least 4"},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_plan_options options = usual();
    closs_tensor layout = tensor(CLOSS_F32, 3, rows[i].shape);
    options.reduction = CLOSS_NONE;
    options.input = options.target = layout;
    memcpy(layout.strides, rows[i].strides, sizeof rows[i].strides);
    options.loss_layout = &layout;
    if (rows[i].text)
      refused(&options, CLOSS_INVALID_ARGUMENT, rows[i].text);
    else
      (void)accepted(&options);
  }
}

static void gradient_types(void **state) {
  (void)state;
  static const struct {
    closs_dtype input, target, gradients[2];
  } rows[] = {
      {CLOSS_F16, CLOSS_F16, {CLOSS_F16, CLOSS_F16}},    {CLOSS_F16, CLOSS_F64, {CLOSS_F16, CLOSS_F64}},
      {CLOSS_BF16, CLOSS_I32, {CLOSS_BF16, CLOSS_BF16}}, {CLOSS_BOOL, CLOSS_U64, {CLOSS_F32, CLOSS_F32}},
      {CLOSS_C64, CLOSS_F16, {CLOSS_C64, CLOSS_F16}},    {CLOSS_I8, CLOSS_C128, {CLOSS_F64, CLOSS_C128}},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_plan_options options = usual();
    options.loss = CLOSS_L1;
    options.outputs = BOTH;
    options.input.dtype = rows[i].input;
    options.target.dtype = rows[i].target;
    closs_request request = accepted(&options);
    assert_int_equal(request.tensors[CLOSS_SLOT_INPUT_GRADIENT].dtype, rows[i].gradients[0]);
    assert_int_equal(request.tensors[CLOSS_SLOT_TARGET_GRADIENT].dtype, rows[i].gradients[1]);
  }
}

static void gradient_layouts(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input = tensor(CLOSS_F32, SHAPE(3));
  options.input.strides[0] = 0; /* an operand may repeat an element, its gradient not */
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  closs_request request = accepted(&options);
  assert_false(request.used[CLOSS_SLOT_LOSS]);
  assert_true(request.used[CLOSS_SLOT_INPUT_GRADIENT]);
  assert_false(request.used[CLOSS_SLOT_TARGET_GRADIENT]);
  assert_int_equal(request.tensors[CLOSS_SLOT_INPUT_GRADIENT].rank, 1);
  assert_int_equal(request.strides[CLOSS_SLOT_INPUT_GRADIENT][0], 0); /* broadcast */
  assert_int_equal(request.strides[CLOSS_SLOT_INPUT_GRADIENT][1], 1);
  closs_tensor layout = tensor(CLOSS_F32, SHAPE(3));
  layout.strides[0] = -4;
  options.input_gradient = &layout;
  assert_int_equal(accepted(&options).strides[CLOSS_SLOT_INPUT_GRADIENT][1], -4);
  layout = tensor(CLOSS_F32, SHAPE(2, 3));
  refused(&options, CLOSS_INVALID_ARGUMENT, "input_gradient: shape is [2, 3], expected [3]");
  layout = tensor(CLOSS_F16, SHAPE(3));
  refused(&options, CLOSS_INVALID_ARGUMENT, "input_gradient: type is f16, expected f32");
  options.outputs = CLOSS_OUTPUT_LOSS;
  refused(&options, CLOSS_INVALID_ARGUMENT, "input_gradient: a layout is given, but the plan does not write it");
}

static void modes(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  assert_int_equal(accepted(&options).gradient_mode[0], CLOSS_GRADIENT_ACCUMULATE);
  options.input_gradient_mode = 5;
  refused(&options, CLOSS_INVALID_ARGUMENT, "input_gradient_mode: 0x5 has bits outside closs_gradient_mode, 0x3");
  options.input_gradient_mode = 3;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "input_gradient_mode: a gradient in place cannot be accumulated: it would be added to the operand");
  options.input_gradient_mode = 0;
  options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  refused(&options, CLOSS_INVALID_ARGUMENT, "target_gradient_mode: 0x1, but the plan does not write the gradient");
}

static void in_place(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.outputs = BOTH;
  options.input_gradient_mode = options.target_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  options.target.strides[0] = -8;
  closs_request request = accepted(&options);
  assert_int_equal(request.tensors[CLOSS_SLOT_TARGET_GRADIENT].strides[0], -8);
  assert_int_equal(request.lowest[CLOSS_SLOT_TARGET_GRADIENT], -8);
  closs_tensor layout = options.target;
  options.target_gradient = &layout;
  (void)accepted(&options);
  layout.strides[0] = 8;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "target_gradient: stride of dimension 0 is 8, target has -8; in place they must be equal");
  options.target_gradient = NULL;
  options.target.strides[0] = 0;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "target_gradient: with strides [0, 1] elements may share memory; dimension 0 has 0, expected at least 1");
  options.target.dtype = CLOSS_I32;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "target_gradient_mode: a gradient of type f32 cannot take the place of an operand of type i32");
  /* The stride of a dimension that takes no step does not count. */
  options = usual();
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  options.input = options.target = layout = tensor(CLOSS_F32, SHAPE(1, 3));
  layout.strides[0] = 77;
  options.input_gradient = &layout;
  (void)accepted(&options);
}

static closs_plan_options pieces(void) {
  closs_plan_options options = usual();
  options.total_terms = 100;
  return options;
}

static void plans_of_pieces(void **state) {
  (void)state;
  closs_plan_options options = pieces();
  closs_request request = accepted(&options);
  assert_int_equal(request.total_terms, 100);
  assert_false(request.used[CLOSS_SLOT_LOSS]); /* a state takes its place */
  options.total_terms = 6;
  options.outputs = CLOSS_OUTPUT_LOSS | BOTH;
  (void)accepted(&options);
  options.total_terms = UINT64_C(1) << 43;
  options.reduction = CLOSS_SUM;
  (void)accepted(&options);
  options.outputs = CLOSS_OUTPUT_LOSS; /* broadcasting without a gradient of what is broadcast */
  options.target = tensor(CLOSS_F32, 0, NULL);
  (void)accepted(&options);
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  (void)accepted(&options);
}

static void wrong_pieces(void **state) {
  (void)state;
  closs_plan_options options = pieces();
  options.reduction = CLOSS_NONE;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "reduction: none, expected mean or sum in a plan of pieces (total_terms is not 0)");
  options = pieces();
  options.total_terms = 5;
  refused(&options, CLOSS_INVALID_ARGUMENT, "total_terms: 5, expected the piece's 6 or more, up to 2^43");
  options.total_terms = (UINT64_C(1) << 43) + 1;
  refused(&options, CLOSS_INVALID_ARGUMENT, "total_terms: 8796093022209, expected the piece's 6 or more, up to 2^43");
  options = pieces();
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
  options.target = tensor(CLOSS_F32, SHAPE(3));
  refused(
      &options, CLOSS_UNSUPPORTED,
      "outputs: 0x5 has the loss of a piece beside target_gradient, whose operand is broadcast; its columns are not "
      "the loss's pieces, take a plan for each");
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  assert_int_equal(accepted(&options).states, 0);
  options.reduction = CLOSS_NONE;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "reduction: none, expected mean or sum in a plan of pieces (total_terms is not 0)");
  options = pieces();
  closs_tensor layout = tensor(CLOSS_F32, 0, NULL);
  options.loss_layout = &layout;
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: a layout is given, but the plan does not write it");
}

static void weight_sums(void **state) {
  (void)state;
  closs_plan_options options = pieces();
  closs_tensor weight = tensor(CLOSS_F32, SHAPE(3));
  options.weight = &weight;
  options.outputs = CLOSS_OUTPUT_WEIGHT_SUM;
  closs_request request = accepted(&options);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++)
    assert_int_equal(request.used[slot], slot == CLOSS_SLOT_WEIGHT);
  options.outputs |= CLOSS_OUTPUT_LOSS;
  refused(&options, CLOSS_INVALID_ARGUMENT, "outputs: 0x9 has CLOSS_OUTPUT_WEIGHT_SUM beside others; it must be alone");
  options.outputs = CLOSS_OUTPUT_WEIGHT_SUM;
  options.weight = NULL;
  refused(&options, CLOSS_INVALID_ARGUMENT, "outputs: CLOSS_OUTPUT_WEIGHT_SUM needs weights; weight is NULL");
  options.total_terms = 0;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "outputs: CLOSS_OUTPUT_WEIGHT_SUM is for plans of pieces; total_terms is 0");
}

static void slope_sums(void **state) {
  (void)state;
  closs_plan_options options = pieces();
  options.loss = CLOSS_L1;
  options.outputs = CLOSS_OUTPUT_TARGET_SLOPE_SUM;
  closs_tensor upstream = tensor(CLOSS_F32, SHAPE(2, 3));
  closs_request request = accepted(&options);
  assert_int_equal(request.states, 1);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++)
    assert_int_equal(request.used[slot], slot <= CLOSS_SLOT_TARGET);
  options.reduction = CLOSS_NONE;
  options.upstream = &upstream;
  assert_true(accepted(&options).used[CLOSS_SLOT_UPSTREAM]);
  options.target.dtype = CLOSS_C64;
  assert_int_equal(accepted(&options).states, 2);
  options.outputs = CLOSS_OUTPUT_INPUT_SLOPE_SUM; /* real: its gradient is the real part */
  assert_int_equal(accepted(&options).states, 1);
  options.outputs = CLOSS_OUTPUT_INPUT_SLOPE_SUM | CLOSS_OUTPUT_TARGET_SLOPE_SUM;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "outputs: 0x30 has CLOSS_OUTPUT_INPUT_SLOPE_SUM beside others; it must be alone");
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_SLOPE_SUM;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "outputs: 0x21 has CLOSS_OUTPUT_TARGET_SLOPE_SUM beside others; it must be alone");
  options.total_terms = 0;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "outputs: CLOSS_OUTPUT_TARGET_SLOPE_SUM is for plans of pieces; total_terms is 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loss_layouts),   cmocka_unit_test(wrong_loss_layouts), cmocka_unit_test(overlap),
      cmocka_unit_test(gradient_types), cmocka_unit_test(gradient_layouts),   cmocka_unit_test(modes),
      cmocka_unit_test(in_place),       cmocka_unit_test(plans_of_pieces),    cmocka_unit_test(wrong_pieces),
      cmocka_unit_test(weight_sums),    cmocka_unit_test(slope_sums),
  };
  return cmocka_run_group_tests_name("check_outputs", tests, NULL, NULL);
}
