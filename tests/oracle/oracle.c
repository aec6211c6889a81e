#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ball.h"

/* A computation as the oracle sees it. */
typedef struct problem {
  const closs_plan_options *options;
  const closs_arrays *arrays;
  const format *arithmetic;
  bool complex_operands;
  closs_tensor shape; /* the broadcast one */
  uint64_t terms;
  oracle_real parameter;
  ball scale; /* of the gradients of a reduced loss */
  ball total; /* the weights' sum, unrounded */
} problem;

/* One term: the weighted loss, and the weighted derivative by the input. */
typedef struct term {
  ball value;
  ball slope[2];
} term;

/* ---- Reading ---- */

/* An element as it is, before it is converted to the arithmetic type. */
static oracle_real decode(closs_dtype dtype, const char *element) {
  union {
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
  } value = {.u64 = 0};
  const size_t size = closs_dtype_size(dtype);
  memcpy(&value, element, dtype >= CLOSS_C64 ? size / 2 : size);
  switch (dtype) {
  case CLOSS_BOOL:
    return value.u8 != 0;
  case CLOSS_I8:
    return value.i8;
  case CLOSS_U8:
    return value.u8;
  case CLOSS_I16:
    return value.i16;
  case CLOSS_U16:
    return value.u16;
  case CLOSS_I32:
    return value.i32;
  case CLOSS_U32:
    return value.u32;
  case CLOSS_I64:
    return value.i64;
  case CLOSS_U64:
    return value.u64;
  case CLOSS_F16:
    return decode16(value.u16, 10);
  case CLOSS_BF16:
    return decode16(value.u16, 7);
  case CLOSS_F32:
  case CLOSS_C64:
    return value.f32;
  default:
    return value.f64;
  }
}

/* Converted to the arithmetic type: exact from then on. */
static void read(const problem *p, closs_dtype dtype, const void *element, oracle_real value[2]) {
  const bool wide = p->arithmetic->dtype == CLOSS_F64, is_complex = dtype >= CLOSS_C64;
  for (int part = 0; part < (is_complex ? 2 : 1); ++part) {
    const oracle_real as_is = decode(dtype, (const char *)element + (size_t)part * closs_dtype_size(dtype) / 2);
    value[part] = wide ? (oracle_real)(double)as_is : (oracle_real)(float)as_is;
  }
  if (!is_complex) value[1] = 0;
}

/* The number of the tensor's element that goes with element `index` of the broadcast shape, and its offset. */
static uint64_t locate(const problem *p, const closs_tensor *tensor, uint64_t index, int64_t *offset) {
  uint64_t number = 0, weight = 1;
  *offset = 0;
  for (uint32_t left = p->shape.rank; left > 0; left--) {
    const uint32_t d = left - 1;
    const uint64_t i = index % p->shape.shape[d];
    index /= p->shape.shape[d];
    const int64_t own = (int64_t)d - (int64_t)(p->shape.rank - tensor->rank);
    if (own < 0 || tensor->shape[own] == 1) continue;
    *offset += (int64_t)i * tensor->strides[own];
    number += i * weight;
    weight *= tensor->shape[own];
  }
  return number;
}

static void read_at(const problem *p, const closs_tensor *tensor, const void *array, uint64_t index,
                    oracle_real value[2]) {
  int64_t offset;
  locate(p, tensor, index, &offset);
  read(p, tensor->dtype, (const char *)array + offset * (int64_t)closs_dtype_size(tensor->dtype), value);
}

static oracle_real read_weight(const problem *p, uint64_t index) {
  oracle_real weight[2];
  read_at(p, p->options->weight, p->arrays->weight, index, weight);
  return weight[0];
}

static oracle_real read_upstream(const problem *p, uint64_t index) {
  oracle_real g[2];
  if (p->options->upstream) {
    read_at(p, p->options->upstream, p->arrays->upstream, index, g);
    return g[0];
  }
  return p->arithmetic->dtype == CLOSS_F64 ? (oracle_real)p->arrays->upstream_value
                                           : (oracle_real)(float)p->arrays->upstream_value;
}

/* ---- Losses ---- */

static ball half_of(ball a, const format *type) {
  return rounded(multiply(exact((oracle_real)0.5), a), type);
}

static ball sign_of(ball d) {
  return is_finite(d.error) ? exact(d.value > 0 ? 1 : d.value < 0 ? -1 : 0) : unknown();
}

/* A bound with the sign of d where d is beyond it, else `inner`. */
static ball bounded(ball d, ball border, oracle_real bound, bool border_inside, ball inner) {
  const ball size = {magnitude(d.value), d.error};
  const ball outer = exact(d.value < 0 ? -bound : bound);
  if (!is_finite(d.error)) return unknown();
  return joined(size, border.value, border_inside, inner, outer);
}

static term smooth_l1(const problem *p, ball d) {
  const format *type = p->arithmetic;
  const ball beta = exact(p->parameter), z = {magnitude(d.value), d.error};
  if (beta.value == 0) return (term){z, {sign_of(d), exact(0)}};
  const ball r = is_finite(beta.value) ? rounded(divide(exact(1), beta), type) : exact(0);
  const ball inner = rounded(multiply(half_of(z, type), rounded(multiply(z, r), type)), type);
  const ball outer = rounded(subtract(z, half_of(beta, type)), type);
  return (term){joined(z, beta.value, false, inner, outer),
                {bounded(d, beta, 1, false, rounded(multiply(d, r), type)), exact(0)}};
}

static term huber(const problem *p, ball d) {
  const format *type = p->arithmetic;
  const ball delta = exact(p->parameter), z = {magnitude(d.value), d.error};
  const ball inner = rounded(multiply(half_of(z, type), z), type);
  const ball outer = rounded(multiply(delta, rounded(subtract(z, half_of(delta, type)), type)), type);
  return (term){joined(z, delta.value, true, inner, outer), {bounded(d, delta, delta.value, true, d), exact(0)}};
}

/* The modulus lies within 1 unit, its derivative within 2 units of its size, 1. */
static term modulus(const problem *p, const ball d[2]) {
  const format *type = p->arithmetic;
  const oracle_real unit = unit_at(1, type);
  oracle_real a = d[0].value, b = d[1].value;
  const oracle_real error = d[0].error + d[1].error;
  if (a != a || b != b) return (term){exact(NAN), {exact(NAN), exact(NAN)}};
  if (!is_finite(error)) return (term){unknown(), {unknown(), unknown()}};
  const bool infinite = !is_finite(a) || !is_finite(b);
  if (infinite) {
    a = is_finite(a) ? 0 : a < 0 ? -1 : 1;
    b = is_finite(b) ? 0 : b < 0 ? -1 : 1;
  }
  const oracle_real z = square_root(a * a + b * b);
  if (z == 0) return (term){exact(0), {exact(0), exact(0)}};
  const oracle_real slope_error = 2 * unit + 2 * error / z;
  const ball value = infinite ? exact(INFINITY) : within((ball){z, error}, 1, type);
  return (term){value, {{a / z, slope_error}, {b / z, slope_error}}};
}

static term element(const problem *p, const ball d[2]) {
  const format *type = p->arithmetic;
  if (p->complex_operands) return modulus(p, d);
  if (d[0].value != d[0].value) return (term){d[0], {d[0], d[0]}};
  switch (p->options->loss) {
  case CLOSS_L1:
    return (term){{magnitude(d[0].value), d[0].error}, {sign_of(d[0]), exact(0)}};
  case CLOSS_MSE:
    return (term){rounded(multiply(d[0], d[0]), type), {rounded(add(d[0], d[0]), type), exact(0)}};
  case CLOSS_SMOOTH_L1:
    return smooth_l1(p, d[0]);
  case CLOSS_HUBER:
    return huber(p, d[0]);
  default: /* a loss that the oracle does not know: no test of it may pass */
    return (term){exact(NAN), {exact(NAN), exact(NAN)}};
  }
}

static term term_at(const problem *p, uint64_t index) {
  const format *type = p->arithmetic;
  oracle_real x[2], y[2];
  read_at(p, &p->options->input, p->arrays->input, index, x);
  read_at(p, &p->options->target, p->arrays->target, index, y);
  const ball d[2] = {rounded(exact(x[0] - y[0]), type), rounded(exact(x[1] - y[1]), type)};
  term t = element(p, d);
  if (p->options->weight) {
    const ball w = exact(read_weight(p, index));
    t.value = rounded(multiply(t.value, w), type);
    t.slope[0] = rounded(multiply(t.slope[0], w), type);
    t.slope[1] = rounded(multiply(t.slope[1], w), type);
  }
  return t;
}

/* ---- The whole ---- */

static bool over_weights(const closs_plan_options *options) {
  return options->reduction == CLOSS_MEAN && options->weight && options->mean_over == CLOSS_MEAN_OVER_WEIGHTS;
}

/* What the gradients of a reduced loss are multiplied by: g, g / N, or g / W. */
static ball gradient_scale(const problem *p) {
  const format *type = p->arithmetic;
  const ball g = exact(read_upstream(p, 0));
  if (p->options->reduction == CLOSS_SUM) return g;
  if (!over_weights(p->options)) return pair_over(g, exact((oracle_real)p->terms), type);
  const oracle_real u = unit_at(1, type) / 2, least = unit_at(0, type);
  ball reciprocal = divide(exact(1), p->total);
  if (p->total.value != p->total.value || p->total.value == 0) return rounded(multiply(g, reciprocal), type);
  const oracle_real size = magnitude(reciprocal.value);
  reciprocal.error += 16 * u * u * size;
  if (size * u * u < 16 * least) reciprocal.error += least; /* the low part, or both, are subnormal */
  if (!is_finite(p->total.value)) reciprocal = exact(0);
  if (size + reciprocal.error >= type->largest)
    reciprocal = size - reciprocal.error > type->largest ? exact(p->total.value < 0 ? -INFINITY : INFINITY) : unknown();
  return pair_times(g, reciprocal, type);
}

/* The weighted mean lies within 1 unit. */
static ball weighted_mean(const problem *p, ball sum) {
  ball quotient = divide(sum, p->total);
  if (p->total.value == 0 && sum.value != 0 && sum.value == sum.value)
    quotient = exact(sum.value < 0 ? -INFINITY : INFINITY);
  return within(quotient, 1, p->arithmetic);
}

static ball reduce(const problem *p, const total *sum) {
  const format *type = p->arithmetic;
  const ball pair = total_pair(sum, type);
  if (p->options->reduction == CLOSS_SUM) return rounded(pair, type);
  if (over_weights(p->options)) return weighted_mean(p, pair);
  return pair_over(pair, exact((oracle_real)p->terms), type);
}

static void store(oracle_output *output, uint64_t index, const ball *value) {
  const format *type = format_of(output->layout.dtype);
  for (size_t part = 0; part < output->components; ++part) {
    const ball result = rounded(value[part], type);
    output->value[index * output->components + part] = result.value;
    output->error[index * output->components + part] = result.error;
  }
}

/* A gradient as it is stored: for the target the negative, where it accumulates added to what is there. */
static void store_gradient(const problem *p, int operand, oracle_output *output, uint64_t number, int64_t offset,
                           const ball gradient[2]) {
  const uint32_t mode = operand ? p->options->target_gradient_mode : p->options->input_gradient_mode;
  const char *array = operand ? p->arrays->target_gradient : p->arrays->input_gradient;
  ball result[2];
  for (size_t part = 0; part < 2; ++part) {
    result[part] = operand ? negate(gradient[part]) : gradient[part];
    if (mode & CLOSS_GRADIENT_ACCUMULATE) {
      oracle_real old[2];
      read(p, output->layout.dtype, array + offset * (int64_t)closs_dtype_size(output->layout.dtype), old);
      result[part] = rounded(add(exact(old[part]), result[part]), p->arithmetic);
    }
  }
  store(output, number, result);
}

/* The sums of a gradient, one (complex: two) for each element of the operand, which may be broadcast. */
static bool make_gradient(const problem *p, int operand, oracle_output *output) {
  const bool none = p->options->reduction == CLOSS_NONE, broadcast = output->count != p->terms * output->components;
  const format *type = p->arithmetic;
  total *sums = NULL;
  if (broadcast && output->count > 0) {
    sums = malloc(output->count / output->components * 2 * sizeof *sums);
    if (!sums) return false;
    for (size_t i = 0; i < output->count / output->components * 2; ++i)
      sums[i] = total_zero;
  }
  for (uint64_t index = 0; index < p->terms; ++index) {
    int64_t offset;
    const uint64_t number = locate(p, &output->layout, index, &offset);
    term t = term_at(p, index);
    for (int part = 0; part < 2; ++part) {
      ball *slope = &t.slope[part];
      if (none) *slope = rounded(multiply(*slope, exact(read_upstream(p, index))), type);
      if (broadcast) total_add(&sums[2 * number + (unsigned)part], *slope);
      if (!broadcast && !none) *slope = rounded(multiply(*slope, p->scale), type);
    }
    if (!broadcast) store_gradient(p, operand, output, number, offset, t.slope);
  }
  /* Each element once more, by way of a shape that is the operand's own. */
  problem own = *p;
  own.shape = output->layout;
  for (uint64_t index = 0; sums && index < output->count / output->components; ++index) {
    int64_t offset;
    ball gradient[2];
    locate(&own, &output->layout, index, &offset);
    for (unsigned part = 0; part < 2; ++part) {
      const ball pair = total_pair(&sums[2 * index + part], type);
      gradient[part] = p->terms == 0 ? exact(0) : pair_times(pair, none ? exact(1) : p->scale, type);
    }
    store_gradient(p, operand, output, index, offset, gradient);
  }
  free(sums);
  return true;
}

static void make_loss(const problem *p, oracle_output *output) {
  total sum = total_zero;
  for (uint64_t index = 0; index < p->terms; ++index) {
    const term t = term_at(p, index);
    if (p->options->reduction == CLOSS_NONE)
      store(output, index, &t.value);
    else
      total_add(&sum, t.value);
  }
  if (p->options->reduction != CLOSS_NONE) {
    const ball result = reduce(p, &sum);
    store(output, 0, &result);
  }
}

static bool allocate(oracle_output *output, closs_tensor layout) {
  output->layout = layout;
  output->components = layout.dtype >= CLOSS_C64 ? 2 : 1;
  output->count = (size_t)closs_tensor_elements(&layout) * output->components;
  output->value = calloc(output->count + 1, sizeof *output->value);
  output->error = calloc(output->count + 1, sizeof *output->error);
  return output->value && output->error;
}

static closs_tensor gradient_layout(const closs_plan_options *options, closs_dtype common, int operand) {
  const closs_tensor *own = operand ? &options->target : &options->input;
  const closs_tensor *given = operand ? options->target_gradient : options->input_gradient;
  const uint32_t mode = operand ? options->target_gradient_mode : options->input_gradient_mode;
  if (given) return *given;
  if (mode & CLOSS_GRADIENT_IN_PLACE) return *own;
  return closs_tensor_contiguous(own->dtype < CLOSS_F16 ? closs_dtype_real(common) : own->dtype, own->rank, own->shape);
}

/* Weights are summed, and the parameter is read, before anything else. */
static bool set_up(problem *p) {
  const closs_plan_options *options = p->options;
  if (closs_tensor_broadcast(&options->input, &options->target, &p->shape, NULL) != CLOSS_OK) return false;
  p->terms = closs_tensor_elements(&p->shape);
  p->arithmetic = format_of(closs_dtype_arithmetic(p->shape.dtype));
  p->complex_operands = p->shape.dtype >= CLOSS_C64;
  const double given = options->parameter_count > 0 ? options->parameters[0].value : 1.0; /* the default of both */
  p->parameter = p->arithmetic->dtype == CLOSS_F64 ? (oracle_real)given : (oracle_real)(float)given;
  if (over_weights(options)) {
    total sum = total_zero;
    for (uint64_t index = 0; index < p->terms; ++index)
      total_add(&sum, exact(read_weight(p, index)));
    p->total = total_pair(&sum, p->arithmetic);
  }
  if (options->reduction != CLOSS_NONE && p->terms > 0) p->scale = gradient_scale(p);
  return true;
}

int oracle_compute(const closs_plan_options *options, const closs_arrays *arrays, oracle_result *result) {
  problem p = {.options = options, .arrays = arrays};
  memset(result, 0, sizeof *result);
  if (!set_up(&p)) return -1;
  const bool none = options->reduction == CLOSS_NONE;
  bool done = true;
  if (options->outputs & CLOSS_OUTPUT_LOSS) {
    const closs_tensor layout = options->loss_layout ? *options->loss_layout
                                                     : closs_tensor_contiguous(closs_dtype_real(p.shape.dtype),
                                                                               none ? p.shape.rank : 0, p.shape.shape);
    done = allocate(&result->loss, layout);
    if (done) make_loss(&p, &result->loss);
  }
  for (int operand = 0; done && operand < 2; ++operand) {
    oracle_output *output = operand ? &result->target_gradient : &result->input_gradient;
    if (!(options->outputs & (operand ? CLOSS_OUTPUT_TARGET_GRADIENT : CLOSS_OUTPUT_INPUT_GRADIENT))) continue;
    done = allocate(output, gradient_layout(options, p.shape.dtype, operand)) && make_gradient(&p, operand, output);
  }
  if (!done) oracle_free(result);
  return done ? 0 : -1;
}

void oracle_free(oracle_result *result) {
  oracle_output *outputs[] = {&result->loss, &result->input_gradient, &result->target_gradient};
  for (int i = 0; i < 3; ++i) {
    free(outputs[i]->value);
    free(outputs[i]->error);
    memset(outputs[i], 0, sizeof *outputs[i]);
  }
}
