#include "enqueue/places.h"

#include "base/error.h"
#include "base/magnitude.h"
#include "closs/partial.h"

/* The bytes that an array takes in its root buffer, or as addresses. */
typedef struct range {
  const char *name;
  cl_mem root; /* NULL: addresses */
  uint64_t begin;
  uint64_t end; /* equal to begin where there are none */
  bool written;
} range;

/* All slots, the workspace and the state. */
#define MAX_RANGES (CLOSS_SLOT_COUNT + 2)

static const closs_buffer *slot_buffer(const closs_buffers *buffers, enum closs_slot slot) {
  switch (slot) {
  case CLOSS_SLOT_INPUT:
    return &buffers->input;
  case CLOSS_SLOT_TARGET:
    return &buffers->target;
  case CLOSS_SLOT_WEIGHT:
    return &buffers->weight;
  case CLOSS_SLOT_UPSTREAM:
    return &buffers->upstream;
  case CLOSS_SLOT_LOSS:
    return &buffers->loss;
  case CLOSS_SLOT_INPUT_GRADIENT:
    return &buffers->input_gradient;
  default:
    return &buffers->target_gradient;
  }
}

static const closs_pointer none = CLOSS_POINTER_NONE;

static const closs_pointer *slot_pointer(const closs_pointers *pointers, enum closs_slot slot) {
  if (pointers == NULL) {
    return &none;
  }
  const closs_pointer *const slots[CLOSS_SLOT_COUNT] = {
      &pointers->input, &pointers->target,         &pointers->weight,         &pointers->upstream,
      &pointers->loss,  &pointers->input_gradient, &pointers->target_gradient};
  return slots[slot];
}

/* Bytes [first, end) of memory by address, which the caller says is so long. */
static closs_status make_address_range(const closs_plan *plan, const char *name, const closs_pointer *pointer,
                                       uint64_t alignment, uint64_t first, uint64_t end, range *r, closs_error *error) {
  const closs_caps *caps = &plan->context->caps;
  const uint64_t address = (uint64_t)(uintptr_t)pointer->address;
  if (pointer->kind != CLOSS_MEMORY_SVM && pointer->kind != CLOSS_MEMORY_USM) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s: kind of memory is %d, expected buffer (0), SVM (1) or USM (2)", name, (int)pointer->kind);
  }
  if (!(pointer->kind == CLOSS_MEMORY_SVM ? caps->svm : caps->usm)) {
    return closs_fail(error, CLOSS_UNSUPPORTED, "%s: %s", name,
                      pointer->kind == CLOSS_MEMORY_SVM
                          ? "the device has no shared virtual memory (OpenCL 2.0)"
                          : "the device has no unified shared memory (cl_intel_unified_shared_memory)");
  }
  if (address == 0 || address % alignment != 0) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: address %p, expected a multiple of %llu", name,
                      pointer->address, (unsigned long long)alignment);
  }
  if (end > pointer->bytes || end > UINTPTR_MAX - address) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: needs bytes %llu to %llu of memory that has %llu", name,
                      (unsigned long long)first, (unsigned long long)(end - 1), (unsigned long long)pointer->bytes);
  }
  r->begin = address + first;
  r->end = address + end;
  return CLOSS_OK;
}

/* Bytes [first, end) of a buffer, as bytes of its root. */
static closs_status make_range(const closs_plan *plan, const char *name, cl_mem memory, uint64_t first, uint64_t end,
                               range *r, closs_error *error) {
  const closs_opencl *cl = &plan->context->cl;
  if (memory == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: the buffer is NULL, expected one of %llu bytes or more", name,
                      (unsigned long long)end);
  }
  size_t size = 0, offset = 0;
  cl_mem parent = NULL;
  cl_context context = NULL;
  cl_int code = cl->GetMemObjectInfo(memory, CL_MEM_SIZE, sizeof size, &size, NULL);
  if (code == CL_SUCCESS) {
    code = cl->GetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof context, &context, NULL);
  }
  if (code == CL_SUCCESS) {
    code = cl->GetMemObjectInfo(memory, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
  }
  if (code == CL_SUCCESS && parent != NULL) {
    code = cl->GetMemObjectInfo(memory, CL_MEM_OFFSET, sizeof offset, &offset, NULL);
  }
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "%s: clGetMemObjectInfo", name);
  }
  if (context != plan->context->context) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: the buffer is of another OpenCL context than the plan", name);
  }
  if (end > size) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: needs bytes %llu to %llu of a buffer that has %zu", name,
                      (unsigned long long)first, (unsigned long long)(end - 1), size);
  }
  r->root = parent != NULL ? parent : memory;
  r->begin = first + offset;
  r->end = end + offset;
  return CLOSS_OK;
}

/* Bytes [first, end) of memory of either kind. */
static closs_status place_bytes(const closs_plan *plan, const char *name, cl_mem buffer, const closs_pointer *pointer,
                                uint64_t alignment, uint64_t first, uint64_t end, closs_memory *memory, range *r,
                                closs_error *error) {
  *memory = (closs_memory){pointer->kind, buffer, pointer->address};
  return pointer->kind == CLOSS_MEMORY_BUFFER
             ? make_range(plan, name, buffer, first, end, r, error)
             : make_address_range(plan, name, pointer, alignment, first, end, r, error);
}

static closs_status place_slot(const closs_plan *plan, const closs_buffers *buffers, enum closs_slot slot,
                               closs_places *places, range *r, closs_error *error) {
  const closs_request *request = &plan->request;
  const closs_buffer *buffer = slot_buffer(buffers, slot);
  const char *name = closs_slot_names[slot];
  r->name = name;
  r->written = slot >= CLOSS_SLOT_LOSS;
  /* Without terms nothing is read. */
  if (closs_tensor_elements(&request->tensors[slot]) == 0 || (request->terms == 0 && !r->written)) {
    return CLOSS_OK;
  }
  uint64_t size = closs_dtype_size(request->tensors[slot].dtype);
  uint64_t below = closs_magnitude(request->lowest[slot]);
  uint64_t above = (uint64_t)request->highest[slot] + 1;
  if (buffer->offset < below || buffer->offset > UINT64_MAX / size - above) {
    return closs_fail(
        error, CLOSS_INVALID_ARGUMENT, "%s: offset %llu, and the strides reach elements %lld to %lld from there", name,
        (unsigned long long)buffer->offset, (long long)request->lowest[slot], (long long)request->highest[slot]);
  }
  places->at[slot] = buffer->offset;
  const uint64_t alignment = closs_dtype_size(closs_dtype_real(request->tensors[slot].dtype));
  return place_bytes(plan, name, buffer->memory, slot_pointer(buffers->pointers, slot), alignment,
                     (buffer->offset - below) * size, (buffer->offset + above) * size, &places->memory[slot], r, error);
}

/* Workspace or state: bytes, aligned. */
static closs_status place_block(const closs_plan *plan, const char *name, const closs_buffer *buffer,
                                const closs_pointer *pointer, uint64_t bytes, closs_memory *memory, range *r,
                                closs_error *error) {
  r->name = name;
  r->written = true;
  if (buffer->offset % CLOSS_WORKSPACE_ALIGNMENT != 0 || buffer->offset > UINT64_MAX - bytes) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: offset %llu, expected a multiple of %d bytes", name,
                      (unsigned long long)buffer->offset, CLOSS_WORKSPACE_ALIGNMENT);
  }
  return place_bytes(plan, name, buffer->memory, pointer, CLOSS_WORKSPACE_ALIGNMENT, buffer->offset,
                     buffer->offset + bytes, memory, r, error);
}

static bool overlap(const range *a, const range *b) {
  return a->root == b->root && a->begin < b->end && b->begin < a->end;
}

/* A gradient may lie on its own operand, where the plan says so and both are the same bytes. */
static bool in_place(const closs_plan *plan, int a, int b, const range *ranges) {
  int operand = a == CLOSS_SLOT_INPUT && b == CLOSS_SLOT_INPUT_GRADIENT     ? 0
                : a == CLOSS_SLOT_TARGET && b == CLOSS_SLOT_TARGET_GRADIENT ? 1
                                                                            : -1;
  return operand >= 0 && (plan->request.gradient_mode[operand] & CLOSS_GRADIENT_IN_PLACE) &&
         ranges[a].begin == ranges[b].begin && ranges[a].end == ranges[b].end;
}

static closs_status check_overlap(const closs_plan *plan, const range ranges[MAX_RANGES], closs_error *error) {
  for (int a = 0; a < MAX_RANGES; a++) {
    for (int b = a + 1; b < MAX_RANGES; b++) {
      if ((ranges[a].written || ranges[b].written) && overlap(&ranges[a], &ranges[b]) &&
          !in_place(plan, a, b, ranges)) {
        return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: bytes %llu to %llu of %s overlap %s, bytes %llu to %llu",
                          ranges[b].name, (unsigned long long)ranges[b].begin, (unsigned long long)(ranges[b].end - 1),
                          ranges[b].root != NULL ? "its root buffer" : "the address space", ranges[a].name,
                          (unsigned long long)ranges[a].begin, (unsigned long long)(ranges[a].end - 1));
      }
    }
  }
  return CLOSS_OK;
}

static closs_status place_piece(const closs_plan *plan, const closs_buffers *buffers, closs_places *places, range *r,
                                closs_error *error) {
  const closs_request *request = &plan->request;
  const closs_pointers *pointers = buffers->pointers;
  if (request->over_weights) {
    places->factor[0] = buffers->weight_reciprocal[0];
    places->factor[1] = buffers->weight_reciprocal[1];
  }
  if (request->states == 0) {
    return CLOSS_OK; /* gradients alone do not depend on first_term */
  }
  if (buffers->first_term > request->total_terms || request->terms > request->total_terms - buffers->first_term) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "first_term: %llu, and %llu terms from there pass total_terms, %llu",
                      (unsigned long long)buffers->first_term, (unsigned long long)request->terms,
                      (unsigned long long)request->total_terms);
  }
  if (request->terms == 0) {
    return CLOSS_OK;
  }
  places->first_term = buffers->first_term;
  places->state_at = buffers->state.offset;
  const uint64_t bytes = request->states * closs_state_size(request->arithmetic);
  return place_block(plan, "state", &buffers->state, pointers != NULL ? &pointers->state : &none, bytes, &places->state,
                     r, error);
}

closs_status closs_places_check(const closs_plan *plan, const closs_buffers *buffers, closs_places *places,
                                closs_error *error) {
  if (buffers->size != sizeof *buffers) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "buffers: size is %zu, expected %zu; start from CLOSS_BUFFERS_INIT", buffers->size,
                      sizeof *buffers);
  }
  if (buffers->pointers != NULL && buffers->pointers->size != sizeof *buffers->pointers) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "pointers: size is %zu, expected %zu; start from CLOSS_POINTERS_INIT", buffers->pointers->size,
                      sizeof *buffers->pointers);
  }
  range ranges[MAX_RANGES] = {{0}};
  closs_places_scratch(plan, places);
  places->upstream = buffers->upstream_value;
  places->factor[0] = plan->layout.factor[0];
  places->factor[1] = plan->layout.factor[1];
  closs_status status = CLOSS_OK;
  for (int slot = 0; slot < CLOSS_SLOT_COUNT && status == CLOSS_OK; slot++) {
    if (plan->request.used[slot]) {
      status = place_slot(plan, buffers, (enum closs_slot)slot, places, &ranges[slot], error);
    }
  }
  if (status == CLOSS_OK && plan->layout.workspace > 0) {
    places->work_at = buffers->workspace.offset / closs_dtype_size(plan->request.arithmetic);
    status = place_block(plan, "workspace", &buffers->workspace,
                         buffers->pointers != NULL ? &buffers->pointers->workspace : &none, plan->layout.workspace,
                         &places->work, &ranges[CLOSS_SLOT_COUNT], error);
  }
  if (status == CLOSS_OK && plan->request.total_terms != 0) {
    status = place_piece(plan, buffers, places, &ranges[CLOSS_SLOT_COUNT + 1], error);
  }
  return status == CLOSS_OK ? check_overlap(plan, ranges, error) : status;
}
