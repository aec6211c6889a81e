#include "plan/layout.h"

#include <string.h>

#include "base/error.h"
#include "base/reciprocal.h"
#include "base/state.h"
#include "cl/flags.h"
#include "closs/partial.h"
#include "plan/loops.h"
#include "plan/schedule.h"
#include "plan/slices.h"
#include "plan/tuning.h"
#include "program/source.h"

/* 32-bit indices serve up to here: a stride may be added once beyond the end. */
#define NARROW_LIMIT (UINT64_C(1) << 30)

void closs_layout_chunks(uint64_t terms, uint32_t head, uint32_t *chunks, uint32_t *last) {
  uint64_t end = terms + head;
  *chunks = (uint32_t)((end + CLOSS_CHUNK - 1) / CLOSS_CHUNK);
  *last = (uint32_t)(end - (uint64_t)(*chunks - 1) * CLOSS_CHUNK);
}

uint32_t closs_layout_items(const closs_step *step) {
  return ((step->chunks - 1) >> step->span) + 1;
}

static bool is_scalar(const closs_request *request, enum closs_slot slot) {
  return closs_tensor_elements(&request->tensors[slot]) == 1;
}

static bool wants_gradient(const closs_request *request, uint32_t operand) {
  return (request->outputs & (operand == 0 ? CLOSS_OUTPUT_INPUT_GRADIENT : CLOSS_OUTPUT_TARGET_GRADIENT)) != 0;
}

static enum closs_slot gradient_slot(uint32_t operand) {
  return operand == 0 ? CLOSS_SLOT_INPUT_GRADIENT : CLOSS_SLOT_TARGET_GRADIENT;
}

/* Whether the pass over all terms reads or writes the slot. */
static bool in_pass(const closs_request *request, enum closs_slot slot) {
  switch (slot) {
  case CLOSS_SLOT_WEIGHT:
  case CLOSS_SLOT_UPSTREAM:
    return request->used[slot] && !is_scalar(request, slot);
  case CLOSS_SLOT_LOSS:
    return request->used[slot] && request->reduction == CLOSS_NONE;
  case CLOSS_SLOT_INPUT_GRADIENT:
    return request->used[slot] && !request->broadcast[0];
  case CLOSS_SLOT_TARGET_GRADIENT:
    return request->used[slot] && !request->broadcast[1];
  default:
    return request->used[slot];
  }
}

/* The flags of what the pass gives; 0: there is none. */
static uint32_t pass_results(const closs_request *request) {
  const uint32_t sums = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_WEIGHT_SUM;
  uint32_t flags = (request->outputs & sums) && request->reduction != CLOSS_NONE ? CLOSS_FLAG_SUM : 0;
  flags |= in_pass(request, CLOSS_SLOT_LOSS) ? CLOSS_FLAG_STORE_LOSS : 0;
  flags |= in_pass(request, CLOSS_SLOT_INPUT_GRADIENT) ? CLOSS_FLAG_INPUT_GRADIENT : 0;
  flags |= in_pass(request, CLOSS_SLOT_TARGET_GRADIENT) ? CLOSS_FLAG_TARGET_GRADIENT : 0;
  return flags;
}

static bool is_contiguous(const closs_request *request, const closs_space *terms, closs_dtype storage) {
  /* Sums by columns are of strided access, also where the broadcast operand goes through the workspace. */
  if (terms->rank != 1 || (wants_gradient(request, 0) && request->broadcast[0]) ||
      (wants_gradient(request, 1) && request->broadcast[1])) {
    return false;
  }
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (in_pass(request, (enum closs_slot)slot) &&
        (request->tensors[slot].dtype != storage || (terms->size[0] != 1 && terms->stride[slot][0] != 1))) {
      return false;
    }
  }
  return true;
}

/* How far it is from the lowest element that a slot's strides reach to the highest. Right in unsigned arithmetic, also
 * where an int64 would not hold it. */
static uint64_t extent(const closs_request *request, int slot) {
  return (uint64_t)request->highest[slot] - (uint64_t)request->lowest[slot];
}

static bool is_narrow(const closs_request *request) {
  bool narrow = request->terms < NARROW_LIMIT;
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    narrow = narrow && (!request->used[slot] || extent(request, slot) < NARROW_LIMIT);
  }
  return narrow;
}

static closs_status choose_variant(const closs_request *request, const closs_caps *caps, closs_layout *layout,
                                   closs_error *error) {
  uint32_t bits = is_narrow(request) ? 32 : 64;
  for (int i = 0; i < CLOSS_VARIANT_COUNT; i++) {
    const closs_variant_info *variant = closs_variant_at((closs_variant)i);
    if (variant->arithmetic != request->arithmetic || variant->complex_operands != request->complex_operands) {
      continue;
    }
    if (variant->contiguous ? is_contiguous(request, &layout->terms[0], variant->storage)
                            : variant->index_bits == bits) {
      layout->programs[0].variant = (closs_variant)i;
      if (variant->index_bits == 64 && !caps->int64) {
        return closs_fail(error, CLOSS_UNSUPPORTED,
                          "operands: %llu terms with these strides need 64-bit indices, which the device lacks",
                          (unsigned long long)request->terms);
      }
      return CLOSS_OK;
    }
  }
  return closs_fail(error, CLOSS_UNSUPPORTED, "no kernel variant takes these operands");
}

/* The device's pointers must reach every element. */
static closs_status check_reach(const closs_request *request, const closs_caps *caps, closs_error *error) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const uint64_t size = closs_dtype_size(request->tensors[slot].dtype);
    const uint64_t last = extent(request, slot);
    if (request->used[slot] && caps->address_bits < 64 && last >= (UINT64_C(1) << caps->address_bits) / size) {
      return closs_fail(
          error, CLOSS_UNSUPPORTED, "%s: reaches over %llu elements of %llu bytes; the device has addresses of %u bits",
          closs_slot_names[slot], (unsigned long long)last + 1, (unsigned long long)size, (unsigned)caps->address_bits);
    }
  }
  return CLOSS_OK;
}

/* Flags that every launch of a request shares. */
static uint32_t common_flags(const closs_request *request) {
  uint32_t flags = 0;
  if (request->used[CLOSS_SLOT_WEIGHT]) {
    flags |= is_scalar(request, CLOSS_SLOT_WEIGHT) ? CLOSS_FLAG_WEIGHT_SCALAR : CLOSS_FLAG_WEIGHT_ARRAY;
  }
  if (request->used[CLOSS_SLOT_UPSTREAM]) {
    flags |= is_scalar(request, CLOSS_SLOT_UPSTREAM) ? CLOSS_FLAG_UPSTREAM_SCALAR : CLOSS_FLAG_UPSTREAM_ARRAY;
  }
  if (request->reduction == CLOSS_MEAN) {
    /* The pieces of a sum get the factor from the host. */
    flags |= CLOSS_FLAG_MEAN | (request->over_weights && request->total_terms == 0 ? CLOSS_FLAG_OVER_WEIGHTS : 0);
  }
  flags |= request->gradient_mode[0] & CLOSS_GRADIENT_ACCUMULATE ? CLOSS_FLAG_ACCUMULATE_INPUT : 0;
  flags |= request->gradient_mode[1] & CLOSS_GRADIENT_ACCUMULATE ? CLOSS_FLAG_ACCUMULATE_TARGET : 0;
  return flags;
}

/* Deals the chunks of a column to work-items: at least `least` of them an item, at most `items` items, a power of two
 * each. */
static void deal(closs_step *step, uint64_t terms, uint32_t least, uint32_t items) {
  closs_layout_chunks(terms, 0, &step->chunks, &step->last);
  step->span = 0;
  while (step->span < 31 && (1u << step->span < least || (step->chunks - 1) >> step->span >= items)) {
    step->span++;
  }
  step->items = closs_layout_items(step);
}

/* Takes place for the pairs of a step from the workspace. */
static closs_status take_states(closs_step *step, uint64_t *reals, closs_error *error) {
  uint64_t pairs = (uint64_t)step->columns * step->components * step->items;
  step->states_at = (uint32_t)*reals;
  *reals += 2 * pairs;
  if (*reals > UINT32_MAX) {
    return closs_fail(error, CLOSS_UNSUPPORTED, "workspace: %llu columns of sums need more than 2^32 numbers",
                      (unsigned long long)step->columns);
  }
  return CLOSS_OK;
}

static closs_step *add_step(closs_layout *layout, uint32_t program, enum closs_body body, uint32_t flags) {
  closs_step *step = &layout->steps[layout->step_count++];
  memset(step, 0, sizeof *step);
  step->body = body;
  step->program = program;
  step->flags = flags;
  step->by_groups = layout->programs[program].group != 0 && (body == CLOSS_BODY_PASS || body == CLOSS_BODY_MERGE);
  step->local = step->by_groups ? layout->programs[program].group : layout->local;
  step->columns = 1;
  step->blocks = 1;
  step->components = 1;
  step->out = CLOSS_SLOT_LOSS;
  layout->programs[program].bodies |= (uint32_t)body;
  return step;
}

/* What work-items of `from` left becomes a result. */
static void add_merge(closs_layout *layout, const closs_step *from, uint32_t flags) {
  closs_step copy = *from;
  closs_step *step = add_step(layout, copy.program, CLOSS_BODY_MERGE, flags);
  step->layout = copy.layout;
  step->columns = copy.columns;
  step->components = copy.components;
  step->items = copy.items;
  step->states_at = copy.states_at;
  step->out = copy.out;
}

/* One item of a pass writes the result of its sum itself; of several, a merge with these flags does. */
static closs_status finish_or_merge(closs_layout *layout, closs_step *step, uint32_t merge_flags, uint64_t *reals,
                                    closs_error *error) {
  if (step->items == 1) {
    step->flags |= CLOSS_FLAG_FINISH;
    return CLOSS_OK;
  }
  closs_status status = take_states(step, reals, error);
  add_merge(layout, step, merge_flags);
  return status;
}

static closs_status add_weight_sum(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                                   uint64_t *reals, closs_error *error) {
  uint32_t flags = CLOSS_FLAG_SUM | CLOSS_FLAG_TERM_WEIGHT | CLOSS_FLAG_RESULT_FACTOR |
                   (is_scalar(request, CLOSS_SLOT_WEIGHT) ? CLOSS_FLAG_WEIGHT_SCALAR : CLOSS_FLAG_WEIGHT_ARRAY);
  closs_step *step = add_step(layout, 0, CLOSS_BODY_PASS, flags);
  layout->factor_at = (uint32_t)*reals;
  *reals += 4;
  deal(step, request->terms, tuning->single_chunks, tuning->max_items);
  return finish_or_merge(layout, step, CLOSS_FLAG_RESULT_FACTOR, reals, error);
}

/* Columns that a work-item can do at once: columns.cl's CLOSS_BLOCK. */
static uint32_t block_of(const closs_request *request, uint32_t width) {
  return width == 1 ? 1 : CLOSS_BLOCK_VECTORS * (request->arithmetic == CLOSS_F64 ? 8 : 16);
}

/*
 * Neighbouring columns at once, where an operand that is not broadcast has its neighbours in memory across columns and
 * not along a column, and there are enough of them for a vector.
 */
static bool prefers_blocks(const closs_request *request, const closs_space *columns, const closs_space *terms,
                           uint32_t block) {
  bool across = false, along = false;
  for (int slot = CLOSS_SLOT_INPUT; slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    if (in_pass(request, (enum closs_slot)slot) && terms->stride[slot][0] != 0) {
      across = across || columns->stride[slot][0] == 1;
      along = along || terms->stride[slot][0] == 1;
    }
  }
  return across && !along && !request->complex_operands && columns->size[0] >= block / CLOSS_BLOCK_VECTORS;
}

static closs_status add_columns(const closs_request *request, uint32_t operand, const closs_tuning *tuning,
                                closs_layout *layout, uint64_t *reals, closs_error *error) {
  uint32_t index = 1 + operand;
  closs_space_of_columns(request, operand, &layout->columns[index], &layout->terms[index]);
  bool used[CLOSS_SLOT_COUNT];
  memcpy(used, request->used, sizeof used);
  used[CLOSS_SLOT_LOSS] = false;
  used[gradient_slot(1 - operand)] = false;
  closs_space_collapse(&layout->columns[index], used);
  used[gradient_slot(operand)] = false;
  closs_space_collapse(&layout->terms[index], used);
  layout->has_layout[index] = true;

  uint64_t columns = closs_space_elements(&layout->columns[index]);
  if (columns > UINT32_MAX) {
    return closs_fail(error, CLOSS_UNSUPPORTED,
                      "%s: the gradient has %llu elements, and a broadcast one at most 2^32 - 1",
                      closs_slot_names[gradient_slot(operand)], (unsigned long long)columns);
  }
  const bool groups = layout->schedule == CLOSS_SCHEDULE_GROUPS;
  const uint32_t flags = common_flags(request) | CLOSS_FLAG_SUM | CLOSS_FLAG_TERM_SLOPE |
                         (operand == 1 ? CLOSS_FLAG_COLUMN_TARGET : 0) |
                         (request->reduction == CLOSS_NONE ? CLOSS_FLAG_TERM_SCALED : 0);
  const uint64_t terms = closs_space_elements(&layout->terms[index]);
  /* A long column alone is a pass, whose work-groups take up neighbours together. */
  if (groups && columns == 1 && !request->complex_operands && terms > (uint64_t)tuning->single_chunks * CLOSS_CHUNK) {
    closs_step *step = add_step(layout, 0, CLOSS_BODY_PASS, flags);
    const uint32_t at_once = layout->programs[0].group * layout->programs[0].width / CLOSS_LANES;
    step->layout = index;
    step->out = gradient_slot(operand);
    deal(step, terms, at_once > 0 ? at_once : 1, tuning->max_items);
    return take_states(step, reals, error);
  }
  const uint32_t program = groups ? 1 : 0;
  closs_step *step = add_step(layout, program, CLOSS_BODY_COLUMNS, flags);
  step->layout = index;
  step->columns = (uint32_t)columns;
  step->blocks = step->columns;
  step->components = request->complex_operands ? 2 : 1;
  step->out = gradient_slot(operand);
  const uint32_t block = block_of(request, layout->programs[program].width);
  /* Where loops are short, a work-item has neither a block of columns nor a second chunk, however many columns there
   * are. */
  const bool short_loops = tuning->loop_turns != 0;
  if (!short_loops && prefers_blocks(request, &layout->columns[index], &layout->terms[index], block)) {
    step->flags |= CLOSS_FLAG_COLUMN_BLOCKS;
    const uint64_t row = layout->columns[index].size[0];
    step->blocks = (uint32_t)(columns / row * ((row - 1) / block + 1));
  }
  const uint64_t share = short_loops ? tuning->max_items : tuning->max_items / step->blocks;
  deal(step, terms, share < 2 ? 1u << 31 : tuning->single_chunks, share < 2 ? 1 : (uint32_t)share);
  /* In place, the operand must stay until every launch has read it. */
  if (step->items == 1 && !(request->gradient_mode[operand] & CLOSS_GRADIENT_IN_PLACE)) {
    step->flags |= CLOSS_FLAG_FINISH;
    return CLOSS_OK;
  }
  return take_states(step, reals, error);
}

/* Slices in the workspace are read again. */
static bool streams(const closs_request *request, const closs_tuning *tuning, const closs_staging *staging) {
  uint64_t size = closs_dtype_size(closs_dtype_real(request->common));
  return tuning->stream_bytes != 0 && request->terms >= tuning->stream_bytes / size &&
         staging->slots >> CLOSS_SLOT_LOSS == 0;
}

/* A sum of a piece: chunks stay apart, since a later piece may complete the blocks that they belong to. */
static closs_status add_piece(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                              uint32_t flags, uint32_t state, uint64_t *reals, closs_error *error) {
  closs_step *step = add_step(layout, 0, CLOSS_BODY_PASS, flags | CLOSS_FLAG_SUM | CLOSS_FLAG_PIECE);
  step->state = state;
  deal(step, request->terms + CLOSS_CHUNK - 1, 1, tuning->max_items);
  const uint32_t items = step->items;
  step->items = step->chunks + CLOSS_LANES; /* pairs: of chunks, and the lanes of the last */
  const closs_status status = take_states(step, reals, error);
  step->items = items;
  const uint32_t states_at = step->states_at, chunks = step->chunks;
  closs_step *extend = add_step(layout, 0, CLOSS_BODY_EXTEND, 0);
  extend->states_at = states_at;
  extend->state = state;
  extend->chunks = chunks;
  return status;
}

/* The terms of a gradient: their scale, where the loss is reduced, is for the finished sum. */
static uint32_t slope_flags(const closs_request *request) {
  const uint32_t scaled = request->reduction == CLOSS_NONE ? CLOSS_FLAG_TERM_SCALED : 0;
  return (common_flags(request) & ~(uint32_t)CLOSS_FLAG_MEAN) | CLOSS_FLAG_TERM_SLOPE | scaled;
}

static closs_status add_slope_sums(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                                   uint64_t *reals, closs_error *error) {
  const uint32_t flags = slope_flags(request);
  closs_status status = add_piece(request, tuning, layout, flags, 0, reals, error);
  if (status == CLOSS_OK && request->states == 2) {
    status = add_piece(request, tuning, layout, flags | CLOSS_FLAG_TERM_IMAGINARY, 1, reals, error);
  }
  return status;
}

/* Whether what lies in the slot's array is read: a gradient that is added to, too. */
static bool is_read(const closs_request *request, int slot) {
  return slot < CLOSS_SLOT_LOSS ||
         (slot > CLOSS_SLOT_LOSS &&
          (request->gradient_mode[slot - CLOSS_SLOT_INPUT_GRADIENT] & CLOSS_GRADIENT_ACCUMULATE) != 0);
}

static void add_stages(const closs_request *request, closs_layout *layout, bool back) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (layout->staging.slots & (1u << slot) && (back ? slot >= CLOSS_SLOT_LOSS : is_read(request, slot))) {
      closs_step *step = add_step(layout, 0, CLOSS_BODY_STAGE, 0);
      step->layout = CLOSS_LAYOUT_STAGED;
      step->out = (enum closs_slot)slot;
      step->back = back;
      closs_layout_chunks(request->terms, 0, &step->chunks, &step->last);
      step->items = closs_layout_squares(layout, step).items;
    }
  }
}

/* A slice is dealt out to so many work-items or work-groups, until they are too many for the merge in all. */
#define SLICE_ITEMS 512
#define MAX_SLICED_ITEMS (1u << 14)

/* The pass, where arrays go through the workspace: slices of its chunks, each between the copies to and from there. */
static closs_status add_slices(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                               uint32_t flags, uint64_t *reals, closs_error *error) {
  layout->has_layout[CLOSS_LAYOUT_STAGED] = true;
  layout->staging.begin = layout->step_count;
  add_stages(request, layout, false);
  const uint32_t pass = layout->step_count;
  closs_step *step = add_step(layout, 0, CLOSS_BODY_PASS, flags);
  deal(step, request->terms, 1, tuning->max_items);
  while (step->span > 0 && layout->staging.chunks >> step->span < SLICE_ITEMS &&
         (step->chunks - 1) >> (step->span - 1) < MAX_SLICED_ITEMS) {
    step->span--;
  }
  step->items = closs_layout_items(step);
  add_stages(request, layout, true);
  layout->staging.end = layout->step_count;
  return flags & CLOSS_FLAG_SUM ? finish_or_merge(layout, &layout->steps[pass], common_flags(request), reals, error)
                                : CLOSS_OK;
}

static closs_status add_pass(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                             uint64_t *reals, closs_error *error) {
  if (request->outputs & CLOSS_SLOPE_SUMS) {
    return add_slope_sums(request, tuning, layout, reals, error);
  }
  const uint32_t results = pass_results(request);
  if (results == 0) {
    return CLOSS_OK;
  }
  const bool sum = (results & CLOSS_FLAG_SUM) != 0;
  uint32_t flags = common_flags(request) | results;
  flags |= request->outputs & CLOSS_OUTPUT_WEIGHT_SUM ? CLOSS_FLAG_TERM_WEIGHT : 0;
  flags |= streams(request, tuning, &layout->staging) ? CLOSS_FLAG_STREAM : 0;
  if (sum && request->states != 0) {
    return add_piece(request, tuning, layout, flags, 0, reals, error);
  }
  if (layout->staging.slots != 0) {
    return add_slices(request, tuning, layout, flags, reals, error);
  }
  closs_step *step = add_step(layout, 0, CLOSS_BODY_PASS, flags);
  deal(step, request->terms, tuning->single_chunks, tuning->max_items);
  return sum ? finish_or_merge(layout, step, common_flags(request), reals, error) : CLOSS_OK;
}

static closs_status add_steps(const closs_request *request, const closs_tuning *tuning, closs_layout *layout,
                              closs_error *error) {
  uint64_t reals = 0;
  closs_status status = CLOSS_OK;
  if (request->over_weights && request->total_terms == 0) {
    status = add_weight_sum(request, tuning, layout, &reals, error);
  }
  uint32_t first_columns = layout->step_count;
  for (uint32_t operand = 0; operand < 2 && status == CLOSS_OK; operand++) {
    if (wants_gradient(request, operand) && request->broadcast[operand]) {
      status = add_columns(request, operand, tuning, layout, &reals, error);
    }
  }
  uint32_t end_columns = layout->step_count;
  if (status == CLOSS_OK) {
    status = add_pass(request, tuning, layout, &reals, error);
  }
  for (uint32_t i = first_columns; i < end_columns && status == CLOSS_OK; i++) {
    if (!(layout->steps[i].flags & CLOSS_FLAG_FINISH)) {
      add_merge(layout, &layout->steps[i], layout->steps[i].flags | CLOSS_FLAG_RESULT_COLUMN);
    }
  }
  layout->workspace = reals * closs_dtype_size(request->arithmetic);
  closs_staging_take(request, &layout->staging, &layout->workspace);
  return status;
}

/*
 * Fixes the flags of the contiguous pass at compile time, which matters in cache (1.4 times at 2^16 elements). Strided
 * programs, and a program with two passes, take them as arguments.
 */
static void specialise(closs_layout *layout) {
  uint32_t passes = 0;
  layout->programs[0].flags = CLOSS_ANY;
  layout->programs[1].flags = CLOSS_ANY;
  for (uint32_t i = 0; i < layout->step_count; i++) {
    if (layout->steps[i].body == CLOSS_BODY_PASS) {
      bool fixed = ++passes == 1 && closs_variant_at(layout->programs[0].variant)->contiguous;
      layout->programs[0].flags = fixed ? layout->steps[i].flags : CLOSS_ANY;
    }
  }
}

static void set_types(const closs_request *request, closs_layout *layout) {
  for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (request->used[slot]) {
      layout->types |= (uint32_t)request->tensors[slot].dtype << (4 * slot);
    }
  }
}

static void set_numbers(const closs_request *request, closs_layout *layout) {
  uint64_t count = request->total_terms != 0 ? request->total_terms : request->terms;
  layout->parameter = request->parameters[0];
  if (request->arithmetic == CLOSS_F64) {
    layout->reciprocal = 1.0 / request->parameters[0];
    closs_reciprocal_f64(count, layout->factor);
    return;
  }
  float factor[2];
  closs_reciprocal_f32(count, factor);
  layout->factor[0] = factor[0];
  layout->factor[1] = factor[1];
  layout->reciprocal = 1.0f / (float)request->parameters[0];
}

/* Refuses what the device would not do to its end. */
static closs_status check_loops(const closs_tuning *tuning, const closs_layout *layout, closs_error *error) {
  for (uint32_t i = 0; i < layout->step_count && tuning->loop_turns != 0; i++) {
    const closs_step *step = &layout->steps[i];
    if (!closs_loops_end(layout, step)) {
      return closs_fail(error, CLOSS_UNSUPPORTED,
                        "operands: their layout takes work-groups of a multiple of %u, and not of %u; the device ends "
                        "loops after %u",
                        CLOSS_TOGETHER, (unsigned)step->local, (unsigned)tuning->loop_turns);
    }
    uint64_t turns = closs_loop_turns(layout, step);
    if (turns > tuning->loop_turns) {
      return closs_fail(error, CLOSS_UNSUPPORTED,
                        "operands: their layout may take %llu turns of loops in work-groups of %u; the device ends "
                        "loops after %u",
                        (unsigned long long)turns, (unsigned)step->local, (unsigned)tuning->loop_turns);
    }
  }
  return CLOSS_OK;
}

static void choose_staging(const closs_request *request, const closs_caps *caps, const closs_tuning *tuning,
                           const bool used[CLOSS_SLOT_COUNT], closs_layout *layout) {
  if (is_narrow(request) && pass_results(request) != 0) {
    closs_staging_choose(request, caps, tuning, used, &layout->terms[0], &layout->staging);
  }
  if (layout->staging.slots != 0) {
    layout->terms[CLOSS_LAYOUT_STAGED] = layout->terms[0];
    closs_staging_apply(&layout->staging, &layout->terms[0]);
    closs_space_collapse(&layout->terms[0], used);
  }
}

closs_status closs_layout_make(const closs_plan_options *options, const closs_request *request, const closs_caps *caps,
                               closs_layout *layout, closs_error *error) {
  const closs_tuning tuning = closs_tuning_for(caps);
  memset(layout, 0, sizeof *layout);
  closs_status status = closs_schedule_choose(options, &tuning, layout, error);
  if (status != CLOSS_OK || request->terms == 0) {
    return status;
  }
  bool used[CLOSS_SLOT_COUNT];
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    used[slot] = in_pass(request, (enum closs_slot)slot);
  }
  closs_space_of_terms(request, &layout->terms[0]);
  closs_space_collapse(&layout->terms[0], used);
  choose_staging(request, caps, &tuning, used, layout);
  layout->programs[0].loss = request->info->loss;
  status = check_reach(request, caps, error);
  if (status == CLOSS_OK) {
    status = choose_variant(request, caps, layout, error);
  }
  layout->local = tuning.local <= caps->max_work_group ? tuning.local : 1;
  layout->fixed_group = options->work_group != 0;
  layout->programs[0].width = tuning.scalar ? 1 : 0;
  layout->programs[1] = layout->programs[0];
  if (status == CLOSS_OK && layout->schedule == CLOSS_SCHEDULE_GROUPS) {
    status = closs_schedule_size(options, request, caps, &tuning, layout, error);
  }
  if (status == CLOSS_OK) {
    status = add_steps(request, &tuning, layout, error);
  }
  if (status == CLOSS_OK) {
    status = check_loops(&tuning, layout, error);
  }
  if (status != CLOSS_OK) {
    return status;
  }
  layout->has_layout[0] = !closs_variant_at(layout->programs[0].variant)->contiguous;
  layout->columns[0].rank = 1;
  layout->columns[0].size[0] = 1;
  specialise(layout);
  set_types(request, layout);
  set_numbers(request, layout);
  return CLOSS_OK;
}

bool closs_layout_shrink(closs_layout *layout, uint32_t step, const closs_caps *caps) {
  const closs_step shrunk = layout->steps[step];
  const closs_tuning tuning = closs_tuning_for(caps);
  closs_layout smaller = *layout;
  if (shrunk.local == 1 || (shrunk.by_groups && layout->fixed_group)) {
    return false;
  }
  for (uint32_t i = 0; i < smaller.step_count; i++) {
    if (smaller.steps[i].by_groups == shrunk.by_groups) {
      smaller.steps[i].local = shrunk.local / 2;
    }
  }
  if (shrunk.by_groups) {
    smaller.programs[shrunk.program].group = shrunk.local / 2;
  } else {
    smaller.local = shrunk.local / 2;
  }
  if (check_loops(&tuning, &smaller, NULL) != CLOSS_OK) {
    return false;
  }
  *layout = smaller;
  return true;
}
