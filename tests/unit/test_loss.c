#include "closs/loss.h"
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

static void numbers_and_names(void **state) {
  (void)state;
  static const struct {
    int number;
    closs_loss loss;
    const char *name, *pytorch, *mindspore;
  } rows[] = {{1, CLOSS_L1, "l1", "torch.nn.L1Loss", "mindspore.nn.L1Loss"},
              {2, CLOSS_MSE, "mse", "torch.nn.MSELoss", "mindspore.nn.MSELoss"},
              {3, CLOSS_SMOOTH_L1, "smooth_l1", "torch.nn.SmoothL1Loss", "mindspore.nn.SmoothL1Loss"},
              {4, CLOSS_HUBER, "huber", "torch.nn.HuberLoss", "mindspore.nn.HuberLoss"}};
  assert_true(closs_loss_count() >= TEST_COUNT(rows));
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    const closs_loss_info *info = closs_loss_by_id(rows[i].loss);
    assert_int_equal(rows[i].number, rows[i].loss);
    assert_non_null(info);
    assert_int_equal(info->loss, rows[i].loss);
    assert_string_equal(info->name, rows[i].name);
    assert_string_equal(info->pytorch, rows[i].pytorch);
    assert_string_equal(info->mindspore, rows[i].mindspore);
    assert_ptr_equal(closs_loss_by_name(rows[i].name), info);
    assert_ptr_equal(closs_loss_at(i), info);
  }
}

/* The table serves any number of losses: each is found by what it says of itself, in the order of the numbers. */
static void table(void **state) {
  (void)state;
  for (size_t i = 0; i < closs_loss_count(); i++) {
    const closs_loss_info *info = closs_loss_at(i);
    assert_ptr_equal(closs_loss_by_id(info->loss), info);
    assert_ptr_equal(closs_loss_by_name(info->name), info);
    assert_true(info->parameter_count <= CLOSS_MAX_PARAMETERS);
    assert_true(i == 0 || closs_loss_at(i - 1)->loss < info->loss);
    for (size_t j = 0; j < info->parameter_count; j++) {
      const closs_parameter_info *parameter = &info->parameters[j];
      assert_non_null(parameter->name);
      assert_true(parameter->default_value >= parameter->minimum && parameter->default_value <= parameter->largest);
    }
  }
}

static void strangers(void **state) {
  (void)state;
  assert_null(closs_loss_at(closs_loss_count()));
  assert_null(closs_loss_at(SIZE_MAX));
  assert_null(closs_loss_by_id((closs_loss)0));
  assert_null(closs_loss_by_id((closs_loss)-1));
  assert_null(closs_loss_by_id(CLOSS_LOSS_FORCE_INT));
  assert_null(closs_loss_by_name("L1"));
  assert_null(closs_loss_by_name(""));
  assert_null(closs_loss_by_name("smooth"));
  assert_null(closs_loss_by_name(NULL));
}

static void defaults(void **state) {
  (void)state;
  static const closs_loss losses[] = {CLOSS_L1, CLOSS_MSE, CLOSS_SMOOTH_L1, CLOSS_HUBER};
  for (size_t i = 0; i < TEST_COUNT(losses); i++) {
    const closs_loss_info *info = closs_loss_by_id(losses[i]);
    assert_int_equal(info->reduction, CLOSS_MEAN);
    assert_int_equal(info->mindspore_reduction, info->loss == CLOSS_SMOOTH_L1 ? CLOSS_NONE : CLOSS_MEAN);
    assert_int_equal(info->complex_operands, info->loss == CLOSS_L1);
  }
}

static void parameters(void **state) {
  (void)state;
  assert_int_equal(closs_loss_by_id(CLOSS_L1)->parameter_count, 0);
  assert_int_equal(closs_loss_by_id(CLOSS_MSE)->parameter_count, 0);
  const closs_loss_info *smooth_l1 = closs_loss_by_id(CLOSS_SMOOTH_L1), *huber = closs_loss_by_id(CLOSS_HUBER);
  assert_int_equal(smooth_l1->parameter_count, 1);
  assert_int_equal(huber->parameter_count, 1);
  const closs_parameter_info *beta = &smooth_l1->parameters[0], *delta = &huber->parameters[0];
  assert_string_equal(beta->name, "beta");
  assert_string_equal(delta->name, "delta");
  assert_true(beta->default_value == 1 && delta->default_value == 1);
  assert_true(beta->minimum == 0 && delta->minimum == 0x1p-100);
  assert_true(beta->smallest == 0x1p-100 && delta->smallest == 0x1p-100);
  assert_true(beta->largest == 0x1p100 && delta->largest == 0x1p100);
  assert_true(beta->allows_infinity && delta->allows_infinity);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_names), cmocka_unit_test(table),      cmocka_unit_test(strangers),
      cmocka_unit_test(defaults),          cmocka_unit_test(parameters),
  };
  return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
