#include "check_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check_values.h"
#include "closs/partial.h"

/* ---- groups ---- */

struct variant {
  const char *name;
  closs_dtype arithmetic, storage;
  enum check_access access;
  bool complex_operands, wide, subnormal;
};

static const struct variant variants[] = {
#define CLOSS_VARIANT(NAME, name, arithmetic, storage, access, complex_operands, index_bits)                           \
  {#name, arithmetic, storage, CHECK_##access, complex_operands, index_bits == 64, false},
#include "kernels.def"
#undef CLOSS_VARIANT
    {"subnormal_f32", CLOSS_F32, CLOSS_F32, CHECK_CONTIGUOUS, false, false, true},
    {"subnormal_f64", CLOSS_F64, CLOSS_F64, CHECK_CONTIGUOUS, false, false, true},
    {"subnormal_c64", CLOSS_F32, CLOSS_C64, CHECK_STRIDED, true, false, true},
    {"subnormal_c128", CLOSS_F64, CLOSS_C128, CHECK_STRIDED, true, false, true},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* The pair of loss and variant of an index; returns how many pairs there are. */
static size_t find_pair(size_t index, size_t pair[2]) {
  size_t count = 0;
  for (size_t loss = 0; loss < closs_loss_count(); loss++) {
    for (size_t i = 0; i < VARIANTS; i++) {
      if (variants[i].complex_operands && !closs_loss_at(loss)->complex_operands) continue;
      if (count++ != index) continue;
      pair[0] = loss;
      pair[1] = i;
    }
  }
  return count;
}

size_t check_group_count(void) {
  size_t pair[2];
  return find_pair(SIZE_MAX, pair);
}

void check_group_get(size_t index, struct check_group *group) {
  size_t pair[2] = {0, 0};
  find_pair(index, pair);
  const closs_loss_info *info = closs_loss_at(pair[0]);
  const struct variant *variant = &variants[pair[1]];
  *group = (struct check_group){.info = info,
                                .arithmetic = variant->arithmetic,
                                .storage = variant->storage,
                                .access = variant->access,
                                .wide = variant->wide,
                                .subnormal = variant->subnormal,
                                .place = {pair[0], pair[1]}};
  snprintf(group->name, sizeof group->name, "%s %s", info->name, variant->name);
}

/* Rows and columns: nothing, one, lengths around the 64 lanes and the 4096 terms of a chunk, several chunks. */
static const uint64_t short_shapes[][2] = {{0, 5},   {1, 1},   {7, 9},    {8, 8},    {5, 13},
                                           {63, 65}, {64, 64}, {17, 241}, {96, 128}, {353, 283}};
static const uint64_t long_shapes[][2] = {{1, 255}, {8192, 1}, {3, 21845}, {1, 100003}, {511, 513}, {1024, 1024}};
static const uint64_t wide_shapes[][2] = {{2, 3}, {2, 2049}};
enum { SHORT = 10, LONG = 6, WIDE = 2 };

/* Configurations of the short list, and of the full one. */
static size_t configurations(const struct check_group *group, bool full) {
  return group->wide || group->subnormal ? (full ? 6 : 2) : (full ? 12 : 3);
}

size_t check_group_cases(const struct check_group *group, bool full) {
  size_t few = configurations(group, false), more = configurations(group, true) - few;
  size_t shapes = group->wide ? WIDE : SHORT;
  if (!full) return few * shapes;
  /* The full list: the short one, its configurations with long shapes, and more of them with all shapes. */
  return few * shapes + (group->wide ? more * WIDE : few * LONG + more * (SHORT + LONG));
}

static const uint64_t *find_shape(const struct check_group *group, size_t number, size_t *configuration) {
  size_t few = configurations(group, false);
  if (group->wide) {
    *configuration = number / WIDE;
    return wide_shapes[number % WIDE];
  }
  if (number < few * SHORT) {
    *configuration = number / SHORT;
    return short_shapes[number % SHORT];
  }
  number -= few * SHORT;
  if (number < few * LONG) {
    *configuration = number / LONG;
    return long_shapes[number % LONG];
  }
  number -= few * LONG;
  *configuration = few + number / (SHORT + LONG);
  number %= SHORT + LONG;
  return number < SHORT ? short_shapes[number] : long_shapes[number - SHORT];
}

bool check_group_short(const struct check_group *group) {
  const size_t variant = group->place[1];
  /* Complex operands are those of one loss. */
  return group->storage >= CLOSS_C64 || group->place[0] == (variant + variant / 4) % closs_loss_count();
}

/* Merges of several work-items' sums are a matter of the arithmetic, not of the variant, and a program more. */
static bool is_short(const struct check_group *group, const uint64_t *shape, size_t configuration) {
  const bool merges = group->access == CHECK_CONTIGUOUS && group->storage == group->arithmetic;
  return check_group_short(group) && configuration == group->place[1] / 2 % configurations(group, false) &&
         (merges || shape[0] * shape[1] < 3 * CLOSS_CHUNK);
}

size_t check_case_ways(const struct check_group *group, size_t number, bool full, struct check_way ways[CHECK_WAYS]) {
  static const uint32_t sizes[] = {64, 256, 8, 1};
  const size_t variant = group->place[1];
  size_t configuration, count = 0;
  const uint64_t *shape = find_shape(group, number, &configuration);
  if (!full && !is_short(group, shape, configuration)) return 0;
  const size_t size = full ? group->place[0] + variant + configuration : variant / 2;
  if (full) ways[count++] = (struct check_way){CLOSS_SCHEDULE_AUTO, 0};
  const bool lanes = (variant + variant / 2) % 2 == 0; /* variants of f32 and f64 alternate */
  if (full || lanes) ways[count++] = (struct check_way){CLOSS_SCHEDULE_LANES, 0};
  if (full || !lanes) ways[count++] = (struct check_way){CLOSS_SCHEDULE_GROUPS, sizes[size % 4]};
  return count;
}

/* ---- one case ---- */

/* Draws one of `count`; every draw has a purpose of its own, so that a new one leaves the others as they are. */
static unsigned draw(uint64_t seed, unsigned purpose, unsigned count) {
  return (unsigned)(check_random(seed, purpose) % count);
}

enum purpose {
  DRAW_OUTPUTS,
  DRAW_WEIGHT,
  DRAW_WEIGHT_TYPE,
  DRAW_MEAN_OVER,
  DRAW_UPSTREAM,
  DRAW_ACCUMULATE,
  DRAW_PARAMETER,
  DRAW_SPECIAL,
  DRAW_LAYOUT,
  DRAW_TYPES,
  DRAW_OUTPUT_LAYOUT,
  DRAW_VALUES
};

static closs_tensor matrix(closs_dtype dtype, uint64_t rows, uint64_t columns) {
  const uint64_t shape[2] = {rows, columns};
  return closs_tensor_contiguous(dtype, 2, shape);
}

static void transpose(closs_tensor *tensor) {
  tensor->strides[0] = 1;
  tensor->strides[1] = (int64_t)tensor->shape[0];
}

/* Types of the operands of a strided group: any that give its common type, or its arithmetic. */
static void draw_types(const struct check_group *group, uint64_t seed, closs_dtype *input, closs_dtype *target) {
  static const closs_dtype f32[] = {CLOSS_F32, CLOSS_F16, CLOSS_BF16, CLOSS_I8,  CLOSS_U8,  CLOSS_I16,
                                    CLOSS_U16, CLOSS_I32, CLOSS_U32,  CLOSS_I64, CLOSS_U64, CLOSS_BOOL};
  static const closs_dtype f64[] = {CLOSS_F64, CLOSS_F32, CLOSS_F16, CLOSS_BF16, CLOSS_I64, CLOSS_U64, CLOSS_I32};
  static const closs_dtype c64[] = {CLOSS_C64, CLOSS_F32, CLOSS_F16, CLOSS_BF16, CLOSS_I32};
  static const closs_dtype c128[] = {CLOSS_C128, CLOSS_C64, CLOSS_F64, CLOSS_F32, CLOSS_I64};
  unsigned pick = draw(seed, DRAW_TYPES, 1u << 16), first = pick & 255, second = pick >> 8;
  *input = *target = group->storage;
  if (group->access == CHECK_CONTIGUOUS || group->subnormal) return;
  if (group->wide) {
    *input = CLOSS_U8; /* few bytes for a long way */
  } else if (group->storage == CLOSS_F32) {
    *input = f32[first % 12];
    *target = f32[second % 12];
  } else { /* one operand has the common type, the other any that it takes */
    closs_dtype *other = first % 2 == 0 ? target : input;
    *other = group->storage == CLOSS_F64   ? f64[second % 7]
             : group->storage == CLOSS_C64 ? c64[second % 5]
                                           : c128[second % 5];
  }
}

/* The layouts of the operands of a strided group. */
static void lay_out_operands(struct check_case *made, const struct check_group *group, uint64_t seed, uint64_t rows,
                             uint64_t columns) {
  closs_tensor *input = &made->tensors[CHECK_INPUT], *target = &made->tensors[CHECK_TARGET];
  *input = matrix(input->dtype, rows, columns);
  *target = matrix(target->dtype, rows, columns);
  if (group->access == CHECK_CONTIGUOUS) return;
  if (group->wide) input->strides[0] = INT64_C(1) << 30;
  switch (draw(seed, DRAW_LAYOUT, group->wide ? 3 : 7)) {
  case 0:
    transpose(target);
    break;
  case 1: /* rows backwards */
    target->strides[0] = -target->strides[0];
    break;
  case 2: /* summed over rows */
    *target = matrix(target->dtype, 1, columns);
    break;
  case 3: /* summed over columns */
    *input = matrix(input->dtype, rows, 1);
    break;
  case 4: /* summed over everything */
    *target = closs_tensor_contiguous(target->dtype, 0, NULL);
    break;
  case 5: /* gaps, and backwards */
    input->strides[0] *= 3;
    input->strides[1] = -3;
    break;
  default: /* both ways at once */
    *input = matrix(input->dtype, rows, 1);
    *target = matrix(target->dtype, 1, columns);
    break;
  }
}

/* Weights: none, one for all, one each, and in strided groups one a row or column. */
static void lay_out_weight(struct check_case *made, const struct check_group *group, uint64_t seed, uint64_t rows,
                           uint64_t columns) {
  closs_tensor *weight = &made->tensors[CHECK_WEIGHT];
  bool strided = group->access == CHECK_STRIDED;
  closs_dtype dtype = strided ? group->arithmetic : group->storage;
  unsigned kind = draw(seed, DRAW_WEIGHT, strided ? 6 : 4);
  if (strided && draw(seed, DRAW_WEIGHT_TYPE, 2) == 0) dtype = CLOSS_F16;
  if (kind < 2) return;
  *weight = kind == 2   ? closs_tensor_contiguous(CLOSS_F32, 0, NULL)
            : kind == 3 ? matrix(dtype, rows, columns)
            : kind == 4 ? matrix(dtype, rows, 1)
                        : matrix(dtype, 1, columns);
  made->used[CHECK_WEIGHT] = true;
  made->options.weight = weight;
  if (made->options.reduction == CLOSS_MEAN && draw(seed, DRAW_MEAN_OVER, 2) == 0)
    made->options.mean_over = CLOSS_MEAN_OVER_COUNT;
}

static void lay_out_upstream(struct check_case *made, const struct check_group *group, uint64_t seed, uint64_t rows,
                             uint64_t columns) {
  closs_dtype dtype = group->access == CHECK_STRIDED ? group->arithmetic : group->storage;
  made->upstream_value = 1;
  if ((made->options.outputs & ~(uint32_t)CLOSS_OUTPUT_LOSS) == 0) return;
  unsigned kind = draw(seed, DRAW_UPSTREAM, 4);
  if (kind == 1) made->upstream_value = -0.7;
  if (kind < 2) return;
  bool array = kind == 3 && made->options.reduction == CLOSS_NONE;
  made->tensors[CHECK_UPSTREAM] = array ? matrix(dtype, rows, columns) : closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  made->used[CHECK_UPSTREAM] = true;
  made->options.upstream = &made->tensors[CHECK_UPSTREAM];
}

static closs_dtype gradient_dtype(closs_dtype operand, closs_dtype common) {
  return operand >= CLOSS_F16 ? operand : closs_dtype_real(common);
}

static void lay_out_outputs(struct check_case *made, const struct check_group *group, uint64_t seed, uint64_t rows,
                            uint64_t columns) {
  static const uint32_t bits[3] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_INPUT_GRADIENT, CLOSS_OUTPUT_TARGET_GRADIENT};
  closs_dtype loss = closs_dtype_real(made->common);
  unsigned accumulate = draw(seed, DRAW_ACCUMULATE, 8);
  bool turned = group->access == CHECK_STRIDED && draw(seed, DRAW_OUTPUT_LAYOUT, 3) == 0;
  made->tensors[CHECK_LOSS] =
      made->options.reduction == CLOSS_NONE ? matrix(loss, rows, columns) : closs_tensor_contiguous(loss, 0, NULL);
  for (int operand = 0; operand < 2; operand++) {
    const closs_tensor *from = &made->tensors[operand];
    closs_dtype dtype = gradient_dtype(from->dtype, made->common);
    made->tensors[CHECK_INPUT_GRADIENT + operand] = closs_tensor_contiguous(dtype, from->rank, from->shape);
  }
  for (int i = 0; i < 3; i++) {
    closs_tensor *tensor = &made->tensors[CHECK_LOSS + i];
    made->used[CHECK_LOSS + i] = (made->options.outputs & bits[i]) != 0;
    if (turned && tensor->rank == 2) transpose(tensor);
  }
  if (made->used[CHECK_INPUT_GRADIENT] && (accumulate == 0 || accumulate == 1))
    made->options.input_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  if (made->used[CHECK_TARGET_GRADIENT] && (accumulate == 0 || accumulate == 2))
    made->options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  /* A layout of what is not written is an error. */
  if (made->used[CHECK_LOSS]) made->options.loss_layout = &made->tensors[CHECK_LOSS];
  if (made->used[CHECK_INPUT_GRADIENT]) made->options.input_gradient = &made->tensors[CHECK_INPUT_GRADIENT];
  if (made->used[CHECK_TARGET_GRADIENT]) made->options.target_gradient = &made->tensors[CHECK_TARGET_GRADIENT];
}

static void draw_parameter(struct check_case *made, const struct check_group *group, uint64_t seed) {
  const closs_parameter_info *info = &group->info->parameters[0];
  const double values[5] = {info->default_value, 0.5, info->minimum == 0 ? 0.0 : 2.0, 1.0 / 3,
                            info->allows_infinity ? INFINITY : 3.0};
  unsigned kind = draw(seed, DRAW_PARAMETER, 5);
  if (group->info->parameter_count == 0) return;
  made->parameter.name = info->name;
  made->parameter.value = values[kind];
  /* Among subnormal numbers every bend lies as low. */
  if (group->subnormal && kind == 1) made->parameter.value = info->smallest;
  made->options.parameters = &made->parameter;
  made->options.parameter_count = 1;
}

/* ---- memory ---- */

/* Takes memory for an array, and says where in it the element (0, 0, ...) is. */
static bool take_memory(struct check_case *made, int slot) {
  const closs_tensor *tensor = &made->tensors[slot];
  int64_t lowest = 0, highest = 0;
  size_t size = closs_dtype_size(tensor->dtype);
  for (uint32_t i = 0; i < tensor->rank; i++) {
    int64_t reach = ((int64_t)tensor->shape[i] - 1) * tensor->strides[i];
    if (tensor->shape[i] == 0) return true;
    if (reach < 0) lowest += reach;
    if (reach > 0) highest += reach;
  }
  made->bytes[slot] = (size_t)(highest - lowest + 1) * size;
  made->origin[slot] = (size_t)-lowest * size;
  /* Mapped, so that the large empty array of a wide group takes memory only where it is touched. */
  void *memory =
      mmap(NULL, made->bytes[slot], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  made->memory[slot] = memory;
  if (slot < CHECK_LOSS) return true;
  made->expected[slot] = malloc(made->bytes[slot]);
  return made->expected[slot] != NULL;
}

static uint64_t values_seed(const struct check_group *group, size_t number) {
  size_t configuration;
  find_shape(group, number, &configuration);
  return check_random(check_random(check_text_seed(group->name), configuration), number + 1000);
}

static void fill_slot(struct check_case *made, const struct check_group *group, uint64_t seed, int slot) {
  struct check_fill how = {.seed = check_random(seed, DRAW_VALUES + (unsigned)slot),
                           .tie_seed = check_random(seed, DRAW_VALUES),
                           .subnormal = group->subnormal,
                           .positive = slot == CHECK_WEIGHT,
                           .special = !group->subnormal && slot < CHECK_WEIGHT && draw(seed, DRAW_SPECIAL, 4) == 0};
  check_fill(&made->tensors[slot], (char *)made->memory[slot] + made->origin[slot], &how);
}

static bool fill(struct check_case *made, const struct check_group *group, uint64_t seed) {
  for (int slot = 0; slot < CHECK_ARRAYS; slot++) {
    if (!made->used[slot]) continue;
    if (!take_memory(made, slot)) return false;
    if (made->memory[slot] == NULL) continue;
    fill_slot(made, group, seed, slot);
    if (slot >= CHECK_LOSS) memcpy(made->expected[slot], made->memory[slot], made->bytes[slot]);
  }
  return true;
}

bool check_case_make(struct check_case *made, const struct check_group *group, size_t number) {
  const closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  size_t configuration = 0;
  const uint64_t *shape = find_shape(group, number, &configuration);
  uint64_t seed = check_random(check_text_seed(group->name), configuration);
  *made = (struct check_case){.options = options};
  made->options.loss = group->info->loss;
  made->options.reduction = (closs_reduction)(configuration % 3);
  /* Every second configuration does all in one pass; of the others any choice. */
  made->options.outputs = configuration % 2 == 1 ? 7 : 1 + draw(seed, DRAW_OUTPUTS, 7);
  draw_parameter(made, group, seed);
  draw_types(group, seed, &made->tensors[CHECK_INPUT].dtype, &made->tensors[CHECK_TARGET].dtype);
  made->common = closs_dtype_common(made->tensors[CHECK_INPUT].dtype, made->tensors[CHECK_TARGET].dtype);
  lay_out_operands(made, group, seed, shape[0], shape[1]);
  lay_out_weight(made, group, seed, shape[0], shape[1]);
  lay_out_upstream(made, group, seed, shape[0], shape[1]);
  lay_out_outputs(made, group, seed, shape[0], shape[1]);
  made->options.input = made->tensors[CHECK_INPUT];
  made->options.target = made->tensors[CHECK_TARGET];
  made->used[CHECK_INPUT] = made->used[CHECK_TARGET] = true;
  return fill(made, group, values_seed(group, number));
}

void check_case_reset(struct check_case *made, const struct check_group *group, size_t number) {
  for (int slot = CHECK_LOSS; slot < CHECK_ARRAYS; slot++)
    if (made->memory[slot] != NULL) fill_slot(made, group, values_seed(group, number), slot);
}

void check_case_release(struct check_case *made) {
  for (int slot = 0; slot < CHECK_ARRAYS; slot++) {
    if (made->memory[slot] != NULL) munmap(made->memory[slot], made->bytes[slot]);
    free(made->expected[slot]);
  }
}

static void *place(const struct check_case *made, int slot, bool expected) {
  char *memory = expected ? made->expected[slot] : made->memory[slot];
  return memory == NULL ? NULL : memory + made->origin[slot];
}

closs_arrays check_case_arrays(const struct check_case *made, bool expected) {
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.input = place(made, CHECK_INPUT, false);
  arrays.target = place(made, CHECK_TARGET, false);
  arrays.weight = place(made, CHECK_WEIGHT, false);
  arrays.upstream = place(made, CHECK_UPSTREAM, false);
  arrays.upstream_value = made->upstream_value;
  arrays.loss = place(made, CHECK_LOSS, expected);
  arrays.input_gradient = place(made, CHECK_INPUT_GRADIENT, expected);
  arrays.target_gradient = place(made, CHECK_TARGET_GRADIENT, expected);
  return arrays;
}

uint64_t check_case_hash(const struct check_case *made, bool expected, uint64_t hash) {
  const uint16_t one = 1;
  bool little = *(const unsigned char *)&one == 1;
  for (int slot = CHECK_LOSS; slot < CHECK_ARRAYS; slot++) {
    const unsigned char *bytes = expected ? made->expected[slot] : made->memory[slot];
    closs_dtype real = closs_dtype_real(made->tensors[slot].dtype);
    size_t size = closs_dtype_size(real);
    for (size_t i = 0; i < made->bytes[slot]; i++)
      hash = (hash ^ bytes[little ? i : i - i % size + (size - 1 - i % size)]) * UINT64_C(0x100000001b3);
  }
  return hash;
}
