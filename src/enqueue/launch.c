#include "enqueue/launch.h"

#include <string.h>

#include "base/error.h"
#include "base/state.h"
#include "closs/partial.h"
#include "plan/slices.h"

/* Sets arguments one after the other, and keeps the first error. */
typedef struct binder {
  closs_plan *plan;
  closs_kernel *kernel;
  cl_uint index;
  cl_int code;
  cl_uint failed;   /* the argument at fault */
  const char *call; /* that failed to set it */
} binder;

static void set(binder *b, cl_uint index, size_t size, const void *value) {
  b->code = b->plan->context->cl.SetKernelArg(b->kernel->handle, index, size, value);
  if (b->code != CL_SUCCESS) {
    b->failed = index;
    b->call = "clSetKernelArg";
  }
}

static void put(binder *b, size_t size, const void *value) {
  cl_uint index = b->index++;
  if (b->code != CL_SUCCESS ||
      (b->kernel->arguments[index].size == size && memcmp(b->kernel->arguments[index].bytes, value, size) == 0)) {
    return;
  }
  set(b, index, size, value);
  b->kernel->arguments[index].size = b->code == CL_SUCCESS ? (unsigned char)size : 0;
  memcpy(b->kernel->arguments[index].bytes, value, size);
}

/* Always set: a new buffer may have the handle of one that is gone, and kernels keep no buffer alive. */
static void put_buffer(binder *b, cl_mem buffer) {
  cl_uint index = b->index++;
  if (b->code == CL_SUCCESS) {
    set(b, index, sizeof buffer, &buffer);
  }
}

static void put_memory(binder *b, closs_memory memory) {
  if (memory.kind == CLOSS_MEMORY_BUFFER) {
    put_buffer(b, memory.buffer);
    return;
  }
  const closs_opencl *cl = &b->plan->context->cl;
  cl_uint index = b->index++;
  if (b->code == CL_SUCCESS) {
    const bool svm = memory.kind == CLOSS_MEMORY_SVM;
    b->code =
        (svm ? cl->SetKernelArgSVMPointer : cl->SetKernelArgMemPointerINTEL)(b->kernel->handle, index, memory.address);
    b->failed = index;
    b->call = svm ? "clSetKernelArgSVMPointer" : "clSetKernelArgMemPointerINTEL";
  }
}

static void put_uint(binder *b, uint32_t value) {
  put(b, sizeof value, &value);
}

/* 64 bits go as two uints: not every device has 64-bit integers. */
static void put_offset(binder *b, uint64_t offset) {
  put_uint(b, (uint32_t)offset);
  put_uint(b, (uint32_t)(offset >> 32));
}

static void put_real(binder *b, double value) {
  if (b->plan->request.arithmetic == CLOSS_F64) {
    put(b, sizeof value, &value);
  } else {
    float narrow = (float)value;
    put(b, sizeof narrow, &narrow);
  }
}

static void put_layout(binder *b, const closs_step *step) {
  cl_mem layout = b->plan->layouts[step->layout];
  put_buffer(b, layout != NULL ? layout : b->plan->scratch);
}

/* The numbers of the loss, or the scale of its gradients. */
static void put_loss(binder *b) {
  put_real(b, b->plan->layout.parameter);
  put_real(b, b->plan->layout.reciprocal);
}

static void put_scale(binder *b, const closs_places *places) {
  put_real(b, places->upstream);
  put_real(b, places->factor[0]);
  put_real(b, places->factor[1]);
}

/* In bytes. States of one plan lie one after the other. */
static uint64_t state_at(const binder *b, const closs_step *step, const closs_places *places) {
  return places->state_at + step->state * closs_state_size(b->plan->request.arithmetic);
}

static void put_pass(binder *b, const closs_step *step, const closs_places *places) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    put_memory(b, places->memory[slot]);
  }
  put_memory(b, places->work);
  put_memory(b, places->state);
  put_layout(b, step);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    put_offset(b, places->at[slot]);
  }
  put_offset(b, places->work_at);
  /* The lanes of the state, counted in reals. */
  size_t real = closs_dtype_size(b->plan->request.arithmetic);
  put_offset(b, (state_at(b, step, places) + CLOSS_STATE_WORDS * sizeof(uint32_t)) / real + 2 * CLOSS_STATE_TREES);
  put_uint(b, step->states_at);
  put_uint(b, b->plan->layout.factor_at);
  put_uint(b, step->before);
  put_uint(b, step->chunks);
  put_uint(b, (uint32_t)(places->first_term % CLOSS_CHUNK));
  put_uint(b, step->last);
  put_uint(b, step->span);
  put_uint(b, step->flags);
  put_uint(b, b->plan->layout.types);
  put_loss(b);
  put_scale(b, places);
}

static void put_columns(binder *b, const closs_step *step, const closs_places *places) {
  for (int slot = 0; slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    put_memory(b, places->memory[slot]);
  }
  put_memory(b, places->memory[step->out]);
  put_memory(b, places->work);
  put_layout(b, step);
  for (int slot = 0; slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    put_offset(b, places->at[slot]);
  }
  put_offset(b, places->at[step->out]);
  put_offset(b, places->work_at);
  put_uint(b, step->states_at);
  put_uint(b, b->plan->layout.factor_at);
  put_uint(b, step->columns);
  put_uint(b, step->items);
  put_uint(b, step->chunks);
  put_uint(b, step->last);
  put_uint(b, step->span);
  put_uint(b, step->flags);
  put_uint(b, b->plan->layout.types);
  put_loss(b);
  put_scale(b, places);
}

static void put_merge(binder *b, const closs_step *step, const closs_places *places) {
  put_memory(b, places->work);
  put_memory(b, places->memory[CLOSS_SLOT_UPSTREAM]);
  put_memory(b, places->memory[step->out]);
  put_layout(b, step);
  put_offset(b, places->at[CLOSS_SLOT_UPSTREAM]);
  put_offset(b, places->at[step->out]);
  put_offset(b, places->work_at);
  put_uint(b, step->states_at);
  put_uint(b, b->plan->layout.factor_at);
  put_uint(b, step->columns);
  put_uint(b, step->items);
  put_uint(b, step->flags);
  put_uint(b, b->plan->layout.types);
  put_scale(b, places);
}

/* Of a launch without work there are no groups. */
static void put_stage(binder *b, const closs_step *step, const closs_places *places) {
  const closs_layout *layout = &b->plan->layout;
  const uint64_t slice_at = closs_places_staged(b->plan, places, step->out);
  const closs_squares none = {0, 0, 0};
  const closs_squares squares = step->chunks > 0 ? closs_layout_squares(layout, step) : none;
  put_memory(b, places->memory[step->out]);
  put_memory(b, places->work);
  put_layout(b, step);
  put_offset(b, places->at[step->out]);
  put_offset(b, slice_at);
  put_uint(b, step->out);
  put_uint(b, layout->staging.line[step->out]);
  put_uint(b, squares.first_group);
  put_uint(b, squares.groups);
  put_uint(b, step->before * CLOSS_CHUNK);
  put_uint(b, closs_layout_terms(step));
  put_uint(b, step->back);
  put_uint(b, layout->types);
}

static void put_extend(binder *b, const closs_step *step, const closs_places *places) {
  put_memory(b, places->work);
  put_memory(b, places->state);
  put_offset(b, places->work_at);
  put_offset(b, state_at(b, step, places) / sizeof(uint32_t));
  put_uint(b, step->states_at);
  put_uint(b, step->chunks);
  put_uint(b, step->last);
  put_offset(b, places->first_term);
  put_offset(b, places->first_term + b->plan->request.terms);
}

uint64_t closs_places_staged(const closs_plan *plan, const closs_places *places, enum closs_slot slot) {
  const uint64_t work = places->work_at * closs_dtype_size(plan->request.arithmetic);
  return (work + plan->layout.staging.at[slot]) / closs_dtype_size(plan->request.tensors[slot].dtype);
}

void closs_places_scratch(const closs_plan *plan, closs_places *places) {
  const closs_memory scratch = {CLOSS_MEMORY_BUFFER, plan->scratch, NULL};
  memset(places, 0, sizeof *places);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    places->memory[slot] = scratch;
  }
  places->work = scratch;
  places->state = scratch;
  places->upstream = 1.0;
}

size_t closs_launch_groups(const closs_step *step) {
  const size_t items = step->body == CLOSS_BODY_MERGE    ? (size_t)step->columns * step->components
                       : step->body == CLOSS_BODY_EXTEND ? 1
                                                         : (size_t)step->blocks * step->items;
  return step->by_groups ? items : (items - 1) / step->local + 1;
}

closs_status closs_launch(closs_plan *plan, uint32_t index, const closs_step *step, const closs_places *places,
                          size_t groups, cl_command_queue queue, cl_uint wait_count, const cl_event *wait,
                          cl_event *event, closs_error *error) {
  binder b = {.plan = plan, .kernel = &plan->kernels[index]};
  switch (step->body) {
  case CLOSS_BODY_PASS:
    put_pass(&b, step, places);
    break;
  case CLOSS_BODY_COLUMNS:
    put_columns(&b, step, places);
    break;
  case CLOSS_BODY_MERGE:
    put_merge(&b, step, places);
    break;
  case CLOSS_BODY_STAGE:
    put_stage(&b, step, places);
    break;
  default:
    put_extend(&b, step, places);
    break;
  }
  if (b.code != CL_SUCCESS) {
    return closs_fail_opencl(error, b.code, "%s of argument %u", b.call, (unsigned)b.failed);
  }
  const size_t local = b.kernel->single ? 1 : step->local;
  const size_t global = b.kernel->single ? 1 : groups * local;
  cl_int code = plan->context->cl.EnqueueNDRangeKernel(queue, b.kernel->handle, 1, NULL, &global, &local, wait_count,
                                                       wait, event);
  return code == CL_SUCCESS
             ? CLOSS_OK
             : closs_fail_opencl(error, code, "clEnqueueNDRangeKernel of %zu work-items in groups of %zu", global,
                                 local);
}
