#include "check_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The distance from a value of this magnitude to the next of its type. */
static double unit_of(closs_dtype real, double magnitude) {
  int digits = real == CLOSS_F16 ? 11 : real == CLOSS_BF16 ? 8 : real == CLOSS_F32 ? 24 : 53;
  int lowest = real == CLOSS_F16 ? -14 : real == CLOSS_F64 ? -1022 : -126;
  int exponent = 0;
  if (magnitude > 0) frexp(magnitude, &exponent);
  exponent -= 1;
  return ldexp(1, (magnitude == 0 || exponent < lowest ? lowest : exponent) - digits + 1);
}

static double smallest_normal(closs_dtype real) {
  return ldexp(1, real == CLOSS_F64 ? -1022 : -126);
}

static double value_at(closs_dtype real, const void *numbers, size_t index) {
  double value = 0;
  closs_convert(CLOSS_F64, &value, real, (const char *)numbers + index * closs_dtype_size(real), 1, NULL);
  return value;
}

static bool is_near(double got, double wanted, double bound) {
  if (isnan(wanted) || isnan(got)) return isnan(wanted) && isnan(got);
  if (isinf(wanted)) return got == wanted;
  return fabs(got - wanted) <= bound;
}

/*
 * For each number of the gradient of a broadcast operand (0 input, 1 target), the sum of the magnitudes of its terms:
 * the operand is spread to the full shape, so that the reference gives the terms one by one.
 */
static double *term_magnitudes(const struct check_case *made, int operand) {
  const closs_tensor *narrow = &made->tensors[CHECK_INPUT + operand];
  const closs_tensor *gradient = &made->tensors[CHECK_INPUT_GRADIENT + operand];
  closs_plan_options options = made->options;
  closs_arrays arrays = check_case_arrays(made, true);
  closs_tensor full, *spread = operand == 0 ? &options.input : &options.target;
  size_t components = closs_dtype_size(gradient->dtype) / closs_dtype_size(closs_dtype_real(gradient->dtype));
  closs_tensor_broadcast(&options.input, &options.target, &full, NULL);
  size_t terms = (size_t)closs_tensor_elements(&full);
  double *sums = calloc((size_t)closs_tensor_elements(gradient) * components + 1, sizeof *sums);
  char *memory = malloc(terms * closs_dtype_size(gradient->dtype) + 1);
  uint32_t more = full.rank - narrow->rank;
  *spread = closs_tensor_contiguous(narrow->dtype, full.rank, full.shape);
  for (uint32_t i = 0; i < full.rank; i++)
    spread->strides[i] = i < more || narrow->shape[i - more] == 1 ? 0 : narrow->strides[i - more];
  options.outputs = operand == 0 ? CLOSS_OUTPUT_INPUT_GRADIENT : CLOSS_OUTPUT_TARGET_GRADIENT;
  options.input_gradient_mode = options.target_gradient_mode = CLOSS_GRADIENT_WRITE;
  options.loss_layout = options.input_gradient = options.target_gradient = NULL;
  arrays.input_gradient = arrays.target_gradient = memory;
  bool good = sums != NULL && memory != NULL && closs_reference(&options, &arrays, NULL) == CLOSS_OK;
  for (size_t term = 0; good && term < terms; term++) {
    size_t rest = term, at = 0;
    for (uint32_t i = full.rank; i-- > 0; rest /= (size_t)full.shape[i])
      if (i >= more && narrow->shape[i - more] != 1)
        at += rest % (size_t)full.shape[i] * (size_t)gradient->strides[i - more];
    for (size_t c = 0; c < components; c++)
      sums[at * components + c] += fabs(value_at(closs_dtype_real(gradient->dtype), memory, term * components + c));
  }
  free(memory);
  if (good) return sums;
  free(sums);
  return NULL;
}

static bool output_within_bound(const struct check_case *made, int slot, const double *magnitudes) {
  closs_dtype dtype = made->tensors[slot].dtype, real = closs_dtype_real(dtype);
  double arithmetic_unit = closs_dtype_arithmetic(made->common) == CLOSS_F64 ? 0x1p-52 : 0x1p-23;
  size_t components = closs_dtype_size(dtype) / closs_dtype_size(real);
  size_t numbers = made->bytes[slot] / closs_dtype_size(real);
  for (size_t i = 0; i < numbers; i++) {
    double got = value_at(real, made->memory[slot], i), wanted = value_at(real, made->expected[slot], i);
    double size = fabs(wanted);
    if (components == 2) size = fmax(size, fabs(value_at(real, made->expected[slot], i ^ 1)));
    double bound = (components == 2 ? 8 : 4) * unit_of(real, isfinite(size) ? size : fabs(wanted));
    if (magnitudes != NULL) bound += 4 * arithmetic_unit * magnitudes[i];
    if (!is_near(got, wanted, bound + smallest_normal(real))) return false;
  }
  return true;
}

bool check_within_bound(const struct check_case *made) {
  for (int slot = CHECK_LOSS; slot < CHECK_ARRAYS; slot++) {
    int operand = slot - CHECK_INPUT_GRADIENT;
    double *magnitudes = NULL;
    if (!made->used[slot] || made->memory[slot] == NULL) continue;
    if (operand >= 0) {
      magnitudes = term_magnitudes(made, operand);
      if (magnitudes == NULL) return false;
    }
    bool good = output_within_bound(made, slot, magnitudes);
    free(magnitudes);
    if (!good) return false;
  }
  return true;
}
