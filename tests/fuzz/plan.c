/*
 * Plans without a device: options are refused with a line, or laid out so that every index that a kernel may take is an
 * element's of the array, and every buffer large enough for it; what is accepted, the reference computes within exactly
 * these bytes. plan_device.c does the same on a device.
 */
#include "plan/plan.h"

#include "cl/flags.h"
#include "closs/partial.h"
#include "enqueue/places.h"
#include "memory.h"
#include "plan/slices.h"
#include "program/source.h"

__extension__ typedef __int128 wide;

enum { SAMPLES = 24 };

/* ---- devices ---- */

static const closs_caps *choose_caps(fuzz_input *input) {
  static const closs_caps caps[] = {{.type = CLOSS_DEVICE_CPU,
                                     .fp64 = true,
                                     .int64 = true,
                                     .little_endian = true,
                                     .address_bits = 64,
                                     .max_work_group = 4096,
                                     .local_memory = 32768,
                                     .max_allocation = 1 << 20},
                                    {.type = CLOSS_DEVICE_GPU,
                                     .fp64 = true,
                                     .int64 = true,
                                     .little_endian = true,
                                     .address_bits = 64,
                                     .max_work_group = 256,
                                     .local_memory = 4096,
                                     .max_allocation = 1 << 19},
                                    {.type = CLOSS_DEVICE_CPU,
                                     .platform = "rusticl",
                                     .fp64 = true,
                                     .int64 = true,
                                     .little_endian = true,
                                     .address_bits = 64,
                                     .max_work_group = 1024,
                                     .local_memory = 32768,
                                     .max_allocation = UINT64_C(1) << 32},
                                    {.type = CLOSS_DEVICE_ACCELERATOR,
                                     .address_bits = 32,
                                     .max_work_group = 1,
                                     .local_memory = 1024,
                                     .max_allocation = 1 << 20}};
  return &caps[fuzz_byte(input) % (sizeof caps / sizeof caps[0])];
}

static void check_refusal(closs_status status, const closs_error *error) {
  FUZZ_CHECK((status == CLOSS_INVALID_ARGUMENT || status == CLOSS_UNSUPPORTED) && error->status == status &&
                 strstr(error->text, ": ") != NULL && strchr(error->text, '\n') == NULL,
             "status %d, %d: %s", (int)status, (int)error->status, error->text);
}

/* ---- indices ---- */

/* The element of a row-major number among some dimensions, by the request and by a space of the layout. */
static int64_t by_request(const closs_request *request, int slot, const bool dimensions[CLOSS_MAX_RANK],
                          uint64_t number) {
  int64_t at = 0;
  for (uint32_t left = request->rank; left > 0; left--) {
    if (!dimensions[left - 1]) continue;
    at += (int64_t)(number % request->shape[left - 1]) * request->strides[slot][left - 1];
    number /= request->shape[left - 1];
  }
  return at;
}

static int64_t by_space(const closs_space *space, int slot, uint64_t number) {
  uint64_t at = 0; /* modulo 2^64, as a kernel's */
  for (uint32_t d = 0; d < space->rank; d++) {
    at += number % space->size[d] * (uint64_t)space->stride[slot][d];
    number /= space->size[d];
  }
  return (int64_t)at;
}

static bool is_scalar(const closs_request *request, int slot) {
  return closs_tensor_elements(&request->tensors[slot]) == 1;
}

/* Number i of SAMPLES of so many numbers: all where there are few. */
static uint64_t sample(uint64_t i, uint64_t count) {
  return count <= SAMPLES ? i : i % 2 == 0 ? count - 1 - i : count / SAMPLES * i;
}

/* Both name the same elements. */
static void check_space(const closs_request *request, const closs_space *space, int slot,
                        const bool dimensions[CLOSS_MAX_RANK]) {
  uint64_t count = 1;
  for (uint32_t d = 0; d < request->rank; d++)
    count *= dimensions[d] ? request->shape[d] : 1;
  FUZZ_CHECK(closs_space_elements(space) == count, "%llu elements", (unsigned long long)count);
  for (uint64_t i = 0; i < count && i < SAMPLES; i++) {
    const uint64_t number = sample(i, count);
    const int64_t wanted = by_request(request, slot, dimensions, number), at = by_space(space, slot, number);
    FUZZ_CHECK(at == wanted && at >= request->lowest[slot] && at <= request->highest[slot],
               "%s: number %llu is at %lld, not at %lld", closs_slot_names[slot], (unsigned long long)number,
               (long long)at, (long long)wanted);
  }
}

/* Indices of 32 bits hold what they are made of, and one step more. */
static void check_narrow(const closs_space *space, int slot) {
  for (uint32_t d = 0; d < space->rank; d++)
    FUZZ_CHECK(space->size[d] <= INT32_MAX && space->stride[slot][d] == (int32_t)space->stride[slot][d],
               "%s: dimension %u has %llu by %lld", closs_slot_names[slot], (unsigned)d,
               (unsigned long long)space->size[d], (long long)space->stride[slot][d]);
}

static bool has_narrow(const closs_layout *layout) {
  return closs_variant_at(layout->programs[0].variant)->index_bits == 32 && layout->has_layout[0];
}

/* The pass finds an array that goes through the workspace by the number of the term. */
static void check_staged(const closs_layout *layout, int slot) {
  const uint64_t count = closs_space_elements(&layout->terms[0]), size = layout->staging.chunks * UINT64_C(4096);
  FUZZ_CHECK(layout->has_layout[CLOSS_LAYOUT_STAGED] && layout->staging.at[slot] % 16 == 0 && size > 0 &&
                 layout->staging.line[slot] < layout->terms[CLOSS_LAYOUT_STAGED].rank,
             "%s: slices of %llu terms", closs_slot_names[slot], (unsigned long long)size);
  for (uint64_t i = 0; i < count && i < SAMPLES; i++) {
    const uint64_t number = sample(i, count);
    FUZZ_CHECK(by_space(&layout->terms[0], slot, number) == (int64_t)number, "%s: term %llu", closs_slot_names[slot],
               (unsigned long long)number);
  }
}

static void check_terms(const closs_request *request, const closs_layout *layout) {
  bool all[CLOSS_MAX_RANK];
  memset(all, true, sizeof all);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const bool gradient = slot >= CLOSS_SLOT_INPUT_GRADIENT;
    if (!request->used[slot] || (slot == CLOSS_SLOT_LOSS && request->reduction != CLOSS_NONE) ||
        (gradient && request->broadcast[slot - CLOSS_SLOT_INPUT_GRADIENT]) ||
        ((slot == CLOSS_SLOT_WEIGHT || slot == CLOSS_SLOT_UPSTREAM) && is_scalar(request, slot)))
      continue;
    const bool staged = layout->staging.slots & (1u << slot);
    const closs_space *space = &layout->terms[staged ? CLOSS_LAYOUT_STAGED : 0];
    check_space(request, space, slot, all);
    if (has_narrow(layout) || staged) check_narrow(space, slot);
    if (staged) check_staged(layout, slot);
  }
}

static void check_columns(const closs_request *request, const closs_layout *layout, int operand) {
  const closs_tensor *own = &request->tensors[operand];
  const closs_space *columns = &layout->columns[1 + operand], *terms = &layout->terms[1 + operand];
  bool kept[CLOSS_MAX_RANK] = {false}, summed[CLOSS_MAX_RANK] = {false};
  for (uint32_t d = 0; d < request->rank; d++) {
    const uint32_t missing = request->rank - own->rank;
    summed[d] = d < missing || own->shape[d - missing] != request->shape[d];
    kept[d] = !summed[d];
  }
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const bool gradient = slot == CLOSS_SLOT_INPUT_GRADIENT + operand;
    if (!request->used[slot] || (slot >= CLOSS_SLOT_LOSS && !gradient)) continue;
    check_space(request, columns, slot, kept);
    if (!gradient) check_space(request, terms, slot, summed);
    if (has_narrow(layout)) check_narrow(columns, slot);
    if (has_narrow(layout) && !gradient) check_narrow(terms, slot);
  }
}

/* ---- launches ---- */

/* Chunks cover the terms, items the chunks; returns the numbers that are left in the workspace. */
static uint64_t check_step(const closs_request *request, const closs_layout *layout, const closs_step *step) {
  const bool columns = step->body == CLOSS_BODY_COLUMNS, piece = request->states != 0;
  const uint64_t terms = columns ? closs_space_elements(&layout->terms[step->layout])
                                 : request->terms + (piece ? 4095 : 0); /* wherever in a chunk it begins */
  if (step->body != CLOSS_BODY_PASS && !columns) return 0;
  FUZZ_CHECK(step->chunks > 0 && step->last >= 1 && step->last <= 4096 &&
                 (uint64_t)(step->chunks - 1) * 4096 + step->last == terms,
             "%u chunks and %u of %llu terms", (unsigned)step->chunks, (unsigned)step->last, (unsigned long long)terms);
  FUZZ_CHECK(step->span < 32 && step->items > 0 && (uint64_t)step->items << step->span >= step->chunks &&
                 (uint64_t)(step->items - 1) << step->span < step->chunks,
             "%u items of 2^%u of %u chunks", (unsigned)step->items, (unsigned)step->span, (unsigned)step->chunks);
  FUZZ_CHECK(step->columns == (columns ? closs_space_elements(&layout->columns[step->layout]) : 1) &&
                 step->blocks > 0 && step->blocks <= step->columns,
             "%u columns in %u blocks", (unsigned)step->columns, (unsigned)step->blocks);
  FUZZ_CHECK((uint64_t)closs_launch_groups(step) * step->local >= (uint64_t)step->blocks * step->items, "%zu groups",
             closs_launch_groups(step));
  if (step->flags & CLOSS_FLAG_FINISH || !(step->flags & CLOSS_FLAG_SUM)) return 0;
  return 2 *
         (piece && !columns ? (uint64_t)step->chunks + 64 : (uint64_t)step->columns * step->components * step->items);
}

/* Slices cover the chunks of a pass, and their items leave pairs one behind the other. */
static void check_slices(const closs_layout *layout) {
  uint32_t chunks = 0, items = 0;
  if (layout->staging.slots == 0) return;
  FUZZ_CHECK(layout->staging.begin < layout->staging.end && layout->staging.end <= layout->step_count,
             "slices of steps %u to %u", (unsigned)layout->staging.begin, (unsigned)layout->staging.end);
  for (uint32_t i = layout->staging.begin; i < layout->staging.end; i++) {
    const closs_step *whole = &layout->steps[i];
    chunks = items = 0;
    for (uint32_t slice = 0; slice < closs_layout_slices(layout); slice++) {
      const closs_step part = closs_layout_slice(layout, i, slice);
      FUZZ_CHECK(part.before == chunks && part.chunks > 0 && part.items > 0, "slice %u", (unsigned)slice);
      FUZZ_CHECK(part.body != CLOSS_BODY_PASS || part.states_at == whole->states_at + 2 * items, "slice %u",
                 (unsigned)slice);
      chunks += part.chunks;
      items += part.items;
    }
    FUZZ_CHECK(chunks == whole->chunks && (whole->body != CLOSS_BODY_PASS || items == whole->items), "step %u",
               (unsigned)i);
  }
}

/* What steps leave in the workspace lies in it, apart. */
static void check_steps(const closs_request *request, const closs_layout *layout) {
  const uint64_t reals = layout->workspace / closs_dtype_size(request->arithmetic);
  struct {
    uint64_t begin, end;
  } ranges[CLOSS_MAX_STEPS + 1 + CLOSS_SLOT_COUNT] = {{0, 0}};
  size_t count = 0;
  FUZZ_CHECK(layout->step_count <= CLOSS_MAX_STEPS, "%u steps", (unsigned)layout->step_count);
  if (request->over_weights && request->total_terms == 0) {
    ranges[count].begin = layout->factor_at;
    ranges[count++].end = layout->factor_at + UINT64_C(4);
  }
  for (uint32_t i = 0; i < layout->step_count; i++) {
    const uint64_t left = check_step(request, layout, &layout->steps[i]);
    if (left == 0) continue;
    ranges[count].begin = layout->steps[i].states_at;
    ranges[count++].end = layout->steps[i].states_at + left;
  }
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (!(layout->staging.slots & (1u << slot))) continue;
    const uint64_t real = closs_dtype_size(request->arithmetic);
    const uint64_t slice = layout->staging.chunks * UINT64_C(4096);
    const uint64_t bytes =
        (slice < request->terms ? slice : request->terms) * closs_dtype_size(request->tensors[slot].dtype);
    ranges[count].begin = layout->staging.at[slot] / real;
    ranges[count++].end = (layout->staging.at[slot] + bytes + real - 1) / real;
  }
  check_slices(layout);
  for (size_t a = 0; a < count; a++) {
    FUZZ_CHECK(ranges[a].end <= reals, "%llu of %llu numbers", (unsigned long long)ranges[a].end,
               (unsigned long long)reals);
    for (size_t b = 0; b < a; b++)
      FUZZ_CHECK(ranges[a].begin >= ranges[b].end || ranges[b].begin >= ranges[a].end, "steps %zu and %zu overlap", b,
                 a);
  }
}

static void check_layout(const closs_request *request, const closs_layout *layout) {
  if (request->terms == 0) return;
  check_terms(request, layout);
  check_steps(request, layout);
  for (int operand = 0; operand < 2; operand++)
    if (layout->has_layout[1 + operand]) check_columns(request, layout, operand);
}

/* ---- buffers ---- */

/* What stands for OpenCL's objects: by FUZZ_BUFFERS, then the workspace and the state. */
enum { WORKSPACE = FUZZ_BUFFERS, STATE, OBJECTS };

typedef struct object {
  size_t size, offset;
  struct object *parent;
} object;

static object objects[OBJECTS];

static cl_int CL_API_CALL buffer_info(cl_mem memory, cl_mem_info info, size_t size, void *value, size_t *needed) {
  const object *asked = (const object *)(const void *)memory;
  const cl_context context = NULL;
  (void)needed;
  const void *from = info == CL_MEM_SIZE      ? (const void *)&asked->size
                     : info == CL_MEM_OFFSET  ? (const void *)&asked->offset
                     : info == CL_MEM_CONTEXT ? (const void *)&context
                                              : (const void *)&asked->parent;
  FUZZ_CHECK(size == sizeof(size_t), "a query of %zu bytes", size);
  memcpy(value, from, size);
  return CL_SUCCESS;
}

typedef struct range {
  unsigned root;
  wide begin, end;
  bool written;
} range;

/* Whether everything is within its buffer, and nothing that is written overlaps anything, by arithmetic that is wide
 * enough. */
static bool fits(const closs_plan *plan, const fuzz_places *places, uint64_t workspace_at) {
  const closs_request *request = &plan->request;
  range ranges[CLOSS_SLOT_COUNT] = {{0}};
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const bool written = slot >= CLOSS_SLOT_LOSS;
    const unsigned buffer = places->buffer[slot];
    const wide size = (wide)closs_dtype_size(request->tensors[slot].dtype);
    if (!request->used[slot] || closs_tensor_elements(&request->tensors[slot]) == 0 ||
        (request->terms == 0 && !written))
      continue;
    const wide begin = ((wide)places->offset[slot] + request->lowest[slot]) * size;
    const wide end = ((wide)places->offset[slot] + request->highest[slot] + 1) * size;
    if (begin < 0 || end > (wide)places->size[buffer]) return false;
    ranges[slot] = (range){fuzz_root(buffer), begin + places->begin[buffer], end + places->begin[buffer], written};
  }
  for (int a = 0; a < CLOSS_SLOT_COUNT; a++) {
    for (int b = a + 1; b < CLOSS_SLOT_COUNT; b++) {
      const bool in_place = b == CLOSS_SLOT_INPUT_GRADIENT + a && a < 2 &&
                            (request->gradient_mode[a] & CLOSS_GRADIENT_IN_PLACE) != 0 &&
                            ranges[a].begin == ranges[b].begin && ranges[a].end == ranges[b].end;
      if ((ranges[a].written || ranges[b].written) && ranges[a].root == ranges[b].root && !in_place &&
          ranges[a].begin < ranges[b].end && ranges[b].begin < ranges[a].end)
        return false;
    }
  }
  return plan->layout.workspace == 0 ||
         (workspace_at % 16 == 0 && (wide)workspace_at + plan->layout.workspace <= (wide)objects[WORKSPACE].size);
}

static closs_buffer place_of(const fuzz_places *places, int slot) {
  return (closs_buffer){(cl_mem)(void *)&objects[places->buffer[slot]], places->offset[slot]};
}

static closs_buffers buffers_of(const fuzz_places *places) {
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input = place_of(places, CLOSS_SLOT_INPUT);
  buffers.target = place_of(places, CLOSS_SLOT_TARGET);
  buffers.weight = place_of(places, CLOSS_SLOT_WEIGHT);
  buffers.upstream = place_of(places, CLOSS_SLOT_UPSTREAM);
  buffers.loss = place_of(places, CLOSS_SLOT_LOSS);
  buffers.input_gradient = place_of(places, CLOSS_SLOT_INPUT_GRADIENT);
  buffers.target_gradient = place_of(places, CLOSS_SLOT_TARGET_GRADIENT);
  return buffers;
}

/* Whether enqueueing would begin; checked against fits(). */
static bool check_places(fuzz_input *input, const closs_plan *plan, const fuzz_places *places) {
  closs_places made;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_buffers buffers = buffers_of(places);
  for (unsigned i = 0; i < FUZZ_BUFFERS; i++)
    objects[i] = (object){places->size[i], places->begin[i], fuzz_root(i) == i ? NULL : &objects[fuzz_root(i)]};
  const unsigned code = fuzz_byte(input);
  buffers.workspace = (closs_buffer){(cl_mem)(void *)&objects[WORKSPACE], code < 250 ? code % 2 * 16 : fuzz_u64(input)};
  objects[WORKSPACE] = (object){(size_t)plan->layout.workspace + code % 2 * 16 - (code == 249), 0, NULL};
  const uint64_t state = plan->request.states * closs_state_size(plan->request.arithmetic);
  buffers.state = (closs_buffer){(cl_mem)(void *)&objects[STATE], 0};
  objects[STATE] = (object){(size_t)state, 0, NULL};
  buffers.first_term = code < 240 ? 0 : fuzz_u64(input);
  const closs_status status = closs_places_check(plan, &buffers, &made, &error);
  const bool late =
      plan->request.states != 0 && (wide)buffers.first_term + plan->request.terms > (wide)plan->request.total_terms;
  const bool good = fits(plan, places, buffers.workspace.offset) && !late;
  FUZZ_CHECK(good == (status == CLOSS_OK), "expected %d: %s", good, error.text);
  if (status != CLOSS_OK) check_refusal(status, &error);
  return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static closs_context context = {.cl = {.GetMemObjectInfo = buffer_info}};
  fuzz_input input = {data, size};
  fuzz_descriptor descriptor;
  fuzz_places places;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_plan plan = {.context = &context};
  const closs_caps *caps = choose_caps(&input);
  fuzz_describe(&input, &descriptor);
  closs_status status = closs_check_options(&descriptor.options, caps, &plan.request, &error);
  if (status == CLOSS_OK) status = closs_layout_make(&descriptor.options, &plan.request, caps, &plan.layout, &error);
  if (status != CLOSS_OK) {
    check_refusal(status, &error);
    return 0;
  }
  check_layout(&plan.request, &plan.layout);
  fuzz_place(&input, &plan.request, &places);
  if (!check_places(&input, &plan, &places) || plan.request.total_terms != 0 || !fuzz_is_small(&plan.request, &places))
    return 0;
  fuzz_memory memory = fuzz_memory_make(&places);
  fuzz_reference(&descriptor, &plan.request, &places, &memory);
  fuzz_memory_free(&memory);
  return 0;
}
