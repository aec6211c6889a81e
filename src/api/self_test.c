#include "api/self_test.h"

#include <stdio.h>
#include <string.h>

#include "api/typical.h"
#include "base/allocate.h"
#include "base/convert.h"
#include "base/error.h"
#include "closs/host.h"
#include "plan/plan.h"
#include "program/bundle.h"
#include "program/key.h"

/* Enough for launches of several work-items or work-groups and a merge, where the device has memory for it. */
enum { MOST_TERMS = 1 << 17, LEAST_TERMS = 1 << 12 };

/* Operands, and the results of device and reference: loss, gradient of the input, of the target. */
enum { INPUT, TARGET, LOSS, INPUT_GRADIENT, TARGET_GRADIENT, ARRAYS };
static const char *const names[ARRAYS] = {"input", "target", "loss", "gradient of the input", "gradient of the target"};

typedef struct trial {
  closs_plan_options options;
  size_t elements[ARRAYS]; /* of which the input's may have others between them */
  size_t bytes[ARRAYS];
  unsigned char *memory;
} trial;

static void measure(trial *t, const closs_variant_info *variant) {
  const size_t element = closs_dtype_size(variant->storage);
  t->elements[INPUT] = (size_t)closs_tensor_elements(&t->options.input);
  t->elements[TARGET] = (size_t)closs_tensor_elements(&t->options.target);
  t->elements[LOSS] = 1;
  t->elements[INPUT_GRADIENT] = t->options.outputs & CLOSS_OUTPUT_INPUT_GRADIENT ? t->elements[INPUT] : 0;
  t->elements[TARGET_GRADIENT] = t->elements[TARGET];
  for (int i = 0; i < ARRAYS; i++) {
    t->bytes[i] = t->elements[i] * element;
  }
  t->bytes[INPUT] *= t->options.input.rank == 1 ? (size_t)t->options.input.strides[0] : 1;
}

/* Where an array begins: operands, the device's results, the reference's, 64 bytes apart at least. */
static unsigned char *place(const trial *t, int array, bool reference) {
  size_t at = 0;
  for (int i = 0; i < ARRAYS + (reference ? ARRAYS - LOSS : 0); i++) {
    const int which = i < ARRAYS ? i : i - ARRAYS + LOSS;
    if (which == array && (array < LOSS || (i >= ARRAYS) == reference)) {
      break;
    }
    at += (t->bytes[which] + 127) / 64 * 64;
  }
  return t->memory != NULL ? t->memory + at : (unsigned char *)(uintptr_t)at;
}

/* Halves from -1 to 1: differences, squares, and the sums of up to 2^17 are exact. */
static void fill(const trial *t, int array, closs_dtype dtype, uint32_t factor) {
  unsigned char *bytes = place(t, array, false);
  const size_t size = closs_dtype_size(dtype);
  for (size_t i = 0; i < t->bytes[array] / size; i++) {
    const float value[2] = {(float)((int)((uint32_t)i * factor >> 7) % 5 - 2) / 2, 0};
    closs_put_f32(dtype, bytes + i * size, value);
  }
}

static closs_arrays arrays_of(const trial *t, bool reference) {
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.input = place(t, INPUT, false);
  arrays.target = place(t, TARGET, false);
  arrays.loss = place(t, LOSS, reference);
  arrays.input_gradient = place(t, INPUT_GRADIENT, reference);
  arrays.target_gradient = place(t, TARGET_GRADIENT, reference);
  return arrays;
}

static const char *hexadecimal(const unsigned char *bytes, size_t size, char *text) {
  for (size_t i = 0; i < size; i++) {
    snprintf(text + 2 * i, 3, "%02x", bytes[i]);
  }
  return text;
}

static closs_status compare(const closs_context *context, const trial *t, const closs_loss_info *loss,
                            const closs_variant_info *variant, closs_error *error) {
  for (int array = LOSS; array < ARRAYS; array++) {
    const unsigned char *got = place(t, array, false), *expected = place(t, array, true);
    for (size_t i = 0; i < t->elements[array]; i++) {
      const size_t size = t->bytes[array] / t->elements[array];
      if (memcmp(got + i * size, expected + i * size, size) != 0) {
        char is[2 * 16 + 1], must[2 * 16 + 1];
        return closs_fail(error, CLOSS_SELF_TEST_FAILED,
                          "%s: self-test: %s %s gives a wrong result: element %zu of %zu of the %s is %s, expected %s "
                          "(bytes in memory)",
                          context->device_name, loss->name, variant->name, i, t->elements[array], names[array],
                          hexadecimal(got + i * size, size, is), hexadecimal(expected + i * size, size, must));
      }
    }
  }
  return CLOSS_OK;
}

static closs_status run(closs_context *context, trial *t, const closs_loss_info *loss,
                        const closs_variant_info *variant, closs_error *error) {
  measure(t, variant);
  const size_t bytes = (size_t)(uintptr_t)place(t, ARRAYS, true);
  t->memory = closs_allocate(&context->allocator, bytes);
  if (t->memory == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the self-test", bytes);
  }
  fill(t, INPUT, variant->storage, 0x9e3779b1);
  fill(t, TARGET, variant->storage, 0x85ebca6b);
  const closs_arrays device = arrays_of(t, false), reference = arrays_of(t, true);
  closs_status status = closs_compute(context, &t->options, &device, NULL, NULL, error);
  if (status == CLOSS_OK) {
    status = closs_reference(&t->options, &reference, error);
  }
  if (status == CLOSS_OK) {
    status = compare(context, t, loss, variant, error);
  }
  closs_release(&context->allocator, t->memory);
  return status;
}

/* Whether the bundle has all programs of a plan, which the device may not take. */
static closs_status find_bundled(closs_context *context, const closs_plan_options *options, bool *bundled,
                                 closs_error *error) {
  closs_plan *plan = NULL;
  closs_status status = closs_plan_create(context, options, &plan, error);
  *bundled = status == CLOSS_OK;
  for (int i = 0; i < CLOSS_MAX_PROGRAMS && *bundled; i++) {
    const closs_program_spec general = closs_program_general(&plan->layout.programs[i]);
    closs_bundle_row row;
    bool damaged = false;
    if (general.bodies == 0) {
      continue;
    }
    char *key = closs_key_program(context, &general);
    *bundled = key != NULL && closs_bundle_find(context->bundle, key, &row, &damaged);
    status = key != NULL ? CLOSS_OK : closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the key of a program");
    closs_release(&context->allocator, key);
  }
  closs_plan_destroy(plan);
  return status == CLOSS_UNSUPPORTED ? CLOSS_OK : status;
}

/* Half of the memory at most: in operands and gradients of two parts of 8 bytes. */
static uint64_t terms_for(const closs_context *context) {
  uint64_t terms = MOST_TERMS;
  while (terms > LEAST_TERMS && terms * 5 * 16 > context->caps.global_memory / 2) {
    terms /= 2;
  }
  return terms;
}

/* Whether the device must get the reference's bits, as far as that is known. */
static bool is_comparable(const closs_context *context, const closs_variant_info *variant) {
  const closs_device_class of = closs_context_class(context);
  const bool exact = !variant->complex_operands && closs_dtype_size(variant->storage) > 2;
  return exact || of == CLOSS_CLASS_EXACT || of == CLOSS_CLASS_NORMAL;
}

/* `count` is raised by the computations that the bundle has the programs of. */
static closs_status test_bundled(closs_context *context, const closs_loss_info *loss, closs_variant number,
                                 closs_schedule schedule, size_t *count, closs_error *error) {
  const closs_variant_info *variant = closs_variant_at(number);
  closs_status status = CLOSS_OK;
  if (variant->arithmetic == CLOSS_F64 && !context->caps.fp64) {
    return CLOSS_OK;
  }
  for (closs_typical which = CLOSS_TYPICAL_WHOLE; which < CLOSS_TYPICALS && status == CLOSS_OK; which++) {
    trial t = {.memory = NULL};
    bool bundled = false;
    if (which == CLOSS_TYPICAL_PIECE || !closs_typical_exists(loss, variant, which)) {
      continue; /* pieces go through the same kernels, but for the one that adds to a state */
    }
    t.options = closs_typical_options(loss, variant, which, terms_for(context), schedule);
    status = find_bundled(context, &t.options, &bundled, error);
    if (status == CLOSS_OK && bundled) {
      ++*count;
      status = is_comparable(context, variant) ? run(context, &t, loss, variant, error) : CLOSS_OK;
    }
  }
  return status;
}

closs_status closs_self_test(closs_context *context, closs_error *error) {
  closs_status status = CLOSS_OK;
  size_t count = 0;
  for (size_t l = 0; context->bundle != NULL && l < closs_loss_count(); l++) {
    for (int v = 0; v < CLOSS_VARIANT_COUNT && status == CLOSS_OK; v++) {
      status = test_bundled(context, closs_loss_at(l), (closs_variant)v, CLOSS_SCHEDULE_LANES, &count, error);
      if (status == CLOSS_OK) {
        status = test_bundled(context, closs_loss_at(l), (closs_variant)v, CLOSS_SCHEDULE_GROUPS, &count, error);
      }
    }
  }
  if (status != CLOSS_OK || count > 0) {
    return status;
  }
  const closs_loss_info *l1 = closs_loss_by_id(CLOSS_L1);
  const closs_variant_info *f32 = closs_variant_at(CLOSS_CONTIGUOUS_F32);
  trial t = {.options = closs_typical_options(l1, f32, CLOSS_TYPICAL_WHOLE, terms_for(context), CLOSS_SCHEDULE_AUTO)};
  return run(context, &t, l1, f32, error);
}
