#include "descriptor.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Numbers where 32 and 64 bits, and the library's own limits, end. */
static const uint64_t borders[] = {(UINT64_C(1) << 30) - 1,
                                   UINT64_C(1) << 30,
                                   INT32_MAX,
                                   (uint64_t)INT32_MAX + 1,
                                   UINT32_MAX,
                                   (uint64_t)UINT32_MAX + 1,
                                   (uint64_t)UINT32_MAX + 2,
                                   (UINT64_C(1) << 43) - 1,
                                   UINT64_C(1) << 43,
                                   (UINT64_C(1) << 43) + 1,
                                   UINT64_C(1) << 59,
                                   UINT64_C(1) << 62,
                                   INT64_MAX,
                                   (uint64_t)INT64_MAX + 1,
                                   UINT64_MAX};

static uint64_t take_border(fuzz_input *input, unsigned code) {
  return code % 16 < COUNT(borders) ? borders[code % 16] : fuzz_u64(input);
}

static uint64_t take_length(fuzz_input *input) {
  static const uint64_t lengths[] = {2, 3, 1, 5, 4, 7, 16, 64, 0, 63, 65, 100, 4096, 4097};
  const unsigned code = fuzz_byte(input);
  return code < 224 ? lengths[code % COUNT(lengths)] : take_border(input, code);
}

static closs_dtype take_type(fuzz_input *input) {
  static const closs_dtype common[] = {CLOSS_F32, CLOSS_F16, CLOSS_F64, CLOSS_BF16};
  const unsigned code = fuzz_byte(input);
  if (code < 128) return common[code % 4];
  return code < 248 ? (closs_dtype)(1 + code % 15) : (closs_dtype)code;
}

static void take_strides(fuzz_input *input, closs_tensor *tensor) {
  const unsigned mode = fuzz_byte(input) % 8, mask = mode > 2 ? fuzz_byte(input) : 0;
  const uint32_t rank = tensor->rank < CLOSS_MAX_RANK ? tensor->rank : CLOSS_MAX_RANK;
  int64_t stride = 1;
  *tensor = closs_tensor_contiguous(tensor->dtype, tensor->rank, tensor->shape);
  for (uint32_t i = 0; i < rank; i++) {
    int64_t *own = &tensor->strides[i];
    const bool chosen = mask >> i & 1;
    if (mode == 3) { /* column-major */
      *own = stride;
      if (__builtin_mul_overflow(stride, (int64_t)tensor->shape[i], &stride)) stride = 0;
    } else if (mode == 4) { /* steps */
      *own = *own < INT64_MAX / 4 ? *own * (1 + mask % 4) : *own;
    } else if (mode == 5 && chosen) {
      *own = -*own;
    } else if (mode == 6 && chosen) {
      *own = 0;
    } else if (mode == 7) {
      const unsigned code = fuzz_byte(input);
      *own = code < 224 ? (int64_t)code - 112 : (int64_t)take_border(input, code);
    }
  }
}

/* A tensor that broadcasts to a shape, or but for one length would. */
static closs_tensor take_tensor(fuzz_input *input, closs_dtype dtype, uint32_t rank, const uint64_t *shape) {
  const unsigned ones = fuzz_byte(input), dropped = fuzz_byte(input);
  const uint32_t missing = dropped < 96 && rank <= CLOSS_MAX_RANK ? dropped % (rank + 1) : 0;
  closs_tensor tensor = {.dtype = dtype, .rank = rank - missing};
  for (uint32_t i = 0; i < tensor.rank && i < CLOSS_MAX_RANK; i++)
    tensor.shape[i] = ones < 192 && ones >> i & 1 ? 1 : shape[missing + i];
  if (dropped > 250) tensor.shape[ones % CLOSS_MAX_RANK] = take_length(input);
  take_strides(input, &tensor);
  return tensor;
}

/* Numbers of which most are small. */
static uint32_t take_choice(fuzz_input *input, uint32_t end) {
  const uint32_t code = fuzz_byte(input);
  return code < 252 ? code % end : code;
}

static void take_numbers(fuzz_input *input, fuzz_descriptor *d) {
  closs_plan_options *options = &d->options;
  options->loss = (closs_loss)(1 + take_choice(input, 4));
  options->reduction = (closs_reduction)take_choice(input, 3);
  options->outputs = 1 + take_choice(input, 7);
  options->mean_over = (closs_mean_over)take_choice(input, 2);
  options->input_gradient_mode = fuzz_byte(input) % 4;
  options->target_gradient_mode = fuzz_byte(input) % 4;
  options->schedule = (closs_schedule)take_choice(input, 3);
  const unsigned tuned = fuzz_byte(input);
  options->work_group = tuned < 224 ? 0 : 1u << (tuned % 12);
  options->vector_width = tuned < 240 ? 0 : tuned % 5;
  const closs_loss_info *info = closs_loss_by_id(options->loss);
  const unsigned parameter = fuzz_byte(input);
  const uint64_t bits = parameter > 240 ? fuzz_u64(input) : 0;
  d->parameter = (closs_parameter){info != NULL && info->parameter_count > 0 ? info->parameters[0].name : "beta",
                                   (double)(parameter % 8) / 2};
  if (parameter > 240) memcpy(&d->parameter.value, &bits, sizeof bits);
  options->parameters = &d->parameter;
  options->parameter_count = parameter > 128;
  d->upstream_value = (double)(fuzz_byte(input) % 16) - 4;
}

/* Layouts of results, with the type and shape that they must have. */
static void take_results(fuzz_input *input, fuzz_descriptor *d, uint32_t rank, const uint64_t *shape) {
  const unsigned which = fuzz_byte(input);
  const closs_dtype common = closs_dtype_common(d->options.input.dtype, d->options.target.dtype);
  const closs_tensor *const operands[2] = {&d->options.input, &d->options.target};
  if (which & 1) {
    d->loss = closs_tensor_contiguous(closs_dtype_real(common), d->options.reduction == CLOSS_NONE ? rank : 0, shape);
    take_strides(input, &d->loss);
    d->options.loss_layout = &d->loss;
  }
  for (int i = 0; i < 2; i++) {
    if (!(which & 2u << i)) continue;
    d->gradients[i] = *operands[i];
    if (operands[i]->dtype < CLOSS_F16) d->gradients[i].dtype = closs_dtype_real(common);
    if (which & 8u << i) take_strides(input, &d->gradients[i]);
    *(i == 0 ? &d->options.input_gradient : &d->options.target_gradient) = &d->gradients[i];
  }
}

static void take_factors(fuzz_input *input, fuzz_descriptor *d, uint32_t rank, const uint64_t *shape) {
  const unsigned which = fuzz_byte(input);
  if (which & 1) {
    d->weight = take_tensor(input, take_type(input), rank, shape);
    d->options.weight = &d->weight;
  }
  if (which & 2) {
    const bool whole = which & 4;
    d->upstream = (closs_tensor){.dtype = take_type(input), .rank = whole ? rank : 0};
    for (uint32_t i = 0; whole && i < rank && i < CLOSS_MAX_RANK; i++)
      d->upstream.shape[i] = shape[i];
    take_strides(input, &d->upstream);
    d->options.upstream = &d->upstream;
  }
}

static void take_piece(fuzz_input *input, closs_plan_options *options) {
  static const uint32_t outputs[] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_WEIGHT_SUM, CLOSS_OUTPUT_INPUT_SLOPE_SUM,
                                     CLOSS_OUTPUT_TARGET_SLOPE_SUM};
  const unsigned code = fuzz_byte(input);
  if (code < 224) return;
  options->total_terms = take_border(input, fuzz_byte(input));
  if (code % 8 < 4) options->outputs = outputs[code % 4];
}

void fuzz_describe(fuzz_input *input, fuzz_descriptor *d) {
  const closs_plan_options initial = CLOSS_PLAN_OPTIONS_INIT;
  uint64_t shape[CLOSS_MAX_RANK] = {0};
  memset(d, 0, sizeof *d);
  d->options = initial;
  take_numbers(input, d);
  const unsigned code = fuzz_byte(input);
  const uint32_t rank = code < 248 ? code % 5 : code % 10;
  for (uint32_t i = 0; i < rank && i < CLOSS_MAX_RANK; i++)
    shape[i] = take_length(input);
  d->options.input = take_tensor(input, take_type(input), rank, shape);
  d->options.target = take_tensor(input, take_type(input), rank, shape);
  take_factors(input, d, rank, shape);
  take_results(input, d, rank, shape);
  take_piece(input, &d->options);
}

unsigned fuzz_root(unsigned buffer) {
  return buffer < FUZZ_ROOTS ? buffer : 0;
}

void fuzz_place(fuzz_input *input, const closs_request *request, fuzz_places *places) {
  memset(places, 0, sizeof *places);
  for (unsigned i = 0; i < FUZZ_PARTS; i++)
    places->begin[FUZZ_ROOTS + i] = 128 * (i + 1);
  for (unsigned slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const unsigned where = fuzz_byte(input), how = fuzz_byte(input);
    const uint64_t size = closs_dtype_size(request->tensors[slot].dtype);
    /* Apart, one behind the other, by default. */
    const unsigned buffer = where < 128 ? slot % FUZZ_ROOTS : where % FUZZ_BUFFERS;
    const uint64_t below = 0 - (uint64_t)request->lowest[slot];
    uint64_t behind = size > 0 && where < 64 ? places->size[buffer] / size + (how & 4 ? 0 : 1) : 0, end;
    places->buffer[slot] = buffer;
    places->offset[slot] = how < 208   ? below + behind + how % 4
                           : how < 240 ? (below > how % 4 ? below - how % 4 : 0)
                                       : take_border(input, how);
    if (request->used[slot] && !__builtin_add_overflow(places->offset[slot], (uint64_t)request->highest[slot], &end) &&
        end < UINT32_MAX && (end + 1) * size > places->size[buffer])
      places->size[buffer] = (end + 1) * size;
  }
  for (unsigned i = 0; i < FUZZ_PARTS; i++) /* a root holds its parts */
    if (places->begin[FUZZ_ROOTS + i] + places->size[FUZZ_ROOTS + i] > places->size[0])
      places->size[0] = places->begin[FUZZ_ROOTS + i] + places->size[FUZZ_ROOTS + i];
  const unsigned shrunk = fuzz_byte(input);
  if (shrunk >= 240 && shrunk % FUZZ_BUFFERS > 0) places->size[shrunk % FUZZ_BUFFERS] /= 2;
}
