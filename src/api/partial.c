#include <inttypes.h>

#include "base/convert.h"
#include "base/error.h"
#include "reference/arithmetic.h"

static uint32_t state_word(const void *state, uint32_t word) {
  uint32_t value;
  memcpy(&value, (const char *)state + word * sizeof value, sizeof value);
  return value;
}

static uint64_t state_term(const void *state, uint32_t word) {
  return state_word(state, word) | (uint64_t)state_word(state, word + 1) << 32;
}

static void write_words(void *state, closs_dtype arithmetic, uint64_t begin, uint64_t end) {
  const uint32_t words[CLOSS_STATE_WORDS] = {CLOSS_STATE_MAGIC_VALUE, (uint32_t)arithmetic, (uint32_t)begin,
                                             (uint32_t)(begin >> 32), (uint32_t)end,        (uint32_t)(end >> 32)};
  memcpy(state, words, sizeof words);
}

/* The order matters. */
/* clang-format off */
#include "reference/type_f32.h"
#include "reference/state.inc"
#include "reference/type_end.h"

#include "reference/type_f64.h"
#include "reference/state.inc"
#include "reference/type_end.h"
/* clang-format on */

static closs_status check_state(const void *state, const char *argument, closs_error *error) {
  if (!state) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: is NULL, expected a state", argument);
  const uint32_t magic = state_word(state, CLOSS_STATE_MAGIC), dtype = state_word(state, CLOSS_STATE_DTYPE);
  const uint64_t begin = state_term(state, CLOSS_STATE_BEGIN), end = state_term(state, CLOSS_STATE_END);
  if (magic != CLOSS_STATE_MAGIC_VALUE || (dtype != CLOSS_F32 && dtype != CLOSS_F64))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s: begins with %08" PRIx32 " %08" PRIx32 ", which is no state of this byte order", argument,
                      magic, dtype);
  if (begin % CLOSS_CHUNK != 0 || begin > end || end > CLOSS_STATE_TERMS)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: holds terms %" PRIu64 " to %" PRIu64 ", which no state can",
                      argument, begin, end);
  if (state_word(state, CLOSS_STATE_ERROR) != 0)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s: a piece after term %" PRIu64 " did not begin where the one before ended", argument, end);
  return CLOSS_OK;
}

/* A state of all terms. */
static closs_status check_finished(const void *state, uint64_t total_terms, const char *argument, closs_error *error) {
  const closs_status status = check_state(state, argument, error);
  if (status != CLOSS_OK) return status;
  const uint64_t begin = state_term(state, CLOSS_STATE_BEGIN), end = state_term(state, CLOSS_STATE_END);
  if (begin != 0 || end != total_terms)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s: holds terms %" PRIu64 " to %" PRIu64 ", expected 0 to %" PRIu64, argument, begin, end,
                      total_terms);
  return CLOSS_OK;
}

static closs_status check_same_type(const void *state, const void *other, const char *argument, closs_error *error) {
  const closs_dtype expected = (closs_dtype)state_word(state, CLOSS_STATE_DTYPE);
  const closs_dtype dtype = (closs_dtype)state_word(other, CLOSS_STATE_DTYPE);
  if (dtype == expected) return CLOSS_OK;
  return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: is a state of %s, expected %s", argument,
                    closs_dtype_name(dtype), closs_dtype_name(expected));
}

size_t closs_state_size(closs_dtype arithmetic) {
  if (arithmetic != CLOSS_F32 && arithmetic != CLOSS_F64) return 0;
  return CLOSS_STATE_WORDS * sizeof(uint32_t) + (CLOSS_STATE_TREES + CLOSS_LANES) * 2 * closs_dtype_size(arithmetic);
}

closs_status closs_state_init(void *state, closs_dtype arithmetic, uint64_t first_term, closs_error *error) {
  const size_t size = closs_state_size(arithmetic);
  if (size == 0)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "arithmetic: is %s, expected f32 or f64",
                      closs_dtype_name(arithmetic));
  if (!state) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "state: is NULL, expected %zu bytes", size);
  if (first_term % CLOSS_CHUNK != 0 || first_term >= CLOSS_STATE_TERMS)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "first_term: is %" PRIu64 ", expected a multiple of %d below 2^43",
                      first_term, CLOSS_CHUNK);
  memset(state, 0, size);
  write_words(state, arithmetic, first_term, first_term);
  return CLOSS_OK;
}

closs_status closs_state_range(const void *state, uint64_t *begin, uint64_t *end, closs_error *error) {
  const closs_status status = check_state(state, "state", error);
  if (status != CLOSS_OK) return status;
  if (begin) *begin = state_term(state, CLOSS_STATE_BEGIN);
  if (end) *end = state_term(state, CLOSS_STATE_END);
  return CLOSS_OK;
}

closs_status closs_state_merge(void *state, const void *next, closs_error *error) {
  closs_status status = check_state(state, "state", error);
  if (status == CLOSS_OK) status = check_state(next, "next", error);
  if (status == CLOSS_OK) status = check_same_type(state, next, "next", error);
  if (status != CLOSS_OK) return status;
  const uint64_t end = state_term(state, CLOSS_STATE_END), begin = state_term(next, CLOSS_STATE_BEGIN);
  if (begin != end)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "next: begins at term %" PRIu64 ", expected %" PRIu64 ", the end of state", begin, end);
  if (state_word(state, CLOSS_STATE_DTYPE) == CLOSS_F64)
    closs_state_merge_f64(state, next);
  else
    closs_state_merge_f32(state, next);
  return CLOSS_OK;
}

/* What the arguments of closs_state_finish() besides the states must be. */
static closs_status check_result(closs_dtype arithmetic, closs_reduction reduction, const void *weights,
                                 closs_dtype loss_dtype, const void *loss, closs_error *error) {
  if (reduction != CLOSS_SUM && reduction != CLOSS_MEAN)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "reduction: is %s, expected mean or sum",
                      closs_reduction_name(reduction));
  if (reduction == CLOSS_SUM && weights)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "weights: a sum divides by nothing, expected NULL");
  if (loss_dtype < CLOSS_F16 || loss_dtype > CLOSS_F64 || closs_dtype_arithmetic(loss_dtype) != arithmetic)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "loss_dtype: is %s, expected %s", closs_dtype_name(loss_dtype),
                      arithmetic == CLOSS_F64 ? "f64" : "f16, bf16 or f32");
  if (!loss) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "loss: is NULL, expected one element");
  return CLOSS_OK;
}

closs_status closs_state_finish(const void *state, uint64_t total_terms, closs_reduction reduction, const void *weights,
                                closs_dtype loss_dtype, void *loss, closs_error *error) {
  closs_status status = check_finished(state, total_terms, "state", error);
  if (status == CLOSS_OK && weights) status = check_finished(weights, total_terms, "weights", error);
  if (status == CLOSS_OK && weights) status = check_same_type(state, weights, "weights", error);
  if (status != CLOSS_OK) return status;
  const closs_dtype arithmetic = (closs_dtype)state_word(state, CLOSS_STATE_DTYPE);
  status = check_result(arithmetic, reduction, weights, loss_dtype, loss, error);
  if (status != CLOSS_OK) return status;
  if (arithmetic == CLOSS_F64)
    closs_state_finish_f64(state, reduction, weights, loss_dtype, loss);
  else
    closs_state_finish_f32(state, reduction, weights, loss_dtype, loss);
  return CLOSS_OK;
}

closs_status closs_state_reciprocal(const void *weights, uint64_t total_terms, double reciprocal[2],
                                    closs_error *error) {
  const closs_status status = check_finished(weights, total_terms, "weights", error);
  if (status != CLOSS_OK) return status;
  if (!reciprocal) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "reciprocal: is NULL, expected two numbers");
  if (state_word(weights, CLOSS_STATE_DTYPE) == CLOSS_F64)
    closs_state_reciprocal_f64(weights, reciprocal);
  else
    closs_state_reciprocal_f32(weights, reciprocal);
  return CLOSS_OK;
}

static closs_status check_gradient(closs_dtype arithmetic, const closs_state_gradient_options *options,
                                   const void *gradient, closs_error *error) {
  if ((unsigned)options->reduction > CLOSS_SUM)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "reduction: %d is none of none (0), mean (1) and sum (2)",
                      (int)options->reduction);
  if (options->reduction != CLOSS_MEAN && options->weights)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "weights: only a mean divides by them, expected NULL");
  const bool floating = options->dtype >= CLOSS_F16 && options->dtype <= CLOSS_C128;
  if (!floating || (arithmetic == CLOSS_F32 && closs_dtype_arithmetic(options->dtype) == CLOSS_F64))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "dtype: is %s, expected %s", closs_dtype_name(options->dtype),
                      arithmetic == CLOSS_F64 ? "a floating or complex type" : "f16, bf16, f32 or c64");
  if (!gradient) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "gradient: is NULL, expected one element");
  return CLOSS_OK;
}

closs_status closs_state_gradient(const void *states, const closs_state_gradient_options *options, void *gradient,
                                  closs_error *error) {
  if (!options || options->size != sizeof *options)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "options: size is %zu, expected %zu; start from CLOSS_STATE_GRADIENT_INIT",
                      options ? options->size : 0, sizeof *options);
  closs_status status = check_finished(states, options->column_terms, "states", error);
  if (status != CLOSS_OK) return status;
  const closs_dtype arithmetic = (closs_dtype)state_word(states, CLOSS_STATE_DTYPE);
  status = check_gradient(arithmetic, options, gradient, error);
  if (status == CLOSS_OK && options->dtype >= CLOSS_C64) {
    const void *imaginary = (const char *)states + closs_state_size(arithmetic);
    status = check_finished(imaginary, options->column_terms, "states: the second", error);
    if (status == CLOSS_OK) status = check_same_type(states, imaginary, "states: the second", error);
  }
  if (status == CLOSS_OK && options->weights) {
    status = check_finished(options->weights, options->total_terms, "weights", error);
    if (status == CLOSS_OK) status = check_same_type(states, options->weights, "weights", error);
  }
  if (status != CLOSS_OK) return status;
  if (arithmetic == CLOSS_F64)
    closs_state_gradient_f64(states, options, gradient);
  else
    closs_state_gradient_f32(states, options, gradient);
  return CLOSS_OK;
}
