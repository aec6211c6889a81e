#include "closs/host.h"

#include <time.h>

#include "base/allocate.h"
#include "base/error.h"
#include "base/magnitude.h"
#include "check/request.h"
#include "plan/plan.h"

/* One array of the caller, and the device's view of it. */
typedef struct view {
  unsigned char *host; /* the array's first byte */
  size_t bytes;        /* 0: no elements, or not used */
  uint64_t offset;     /* of element (0, 0, ...) from there, in elements */
  cl_mem memory;       /* owned, but where it is another view's */
  bool borrowed;
  bool written;
} view;

/* Everything that one call makes. */
typedef struct work {
  closs_context *context;
  const closs_opencl *cl;
  cl_command_queue queue;
  cl_mem workspace;
  view views[CLOSS_SLOT_COUNT];
} work;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *array_of(const closs_arrays *arrays, int slot) {
  /* Inputs are never written through these pointers: their buffers are read-only. */
  const void *const pointers[CLOSS_SLOT_COUNT] = {arrays->input,          arrays->target, arrays->weight,
                                                  arrays->upstream,       arrays->loss,   arrays->input_gradient,
                                                  arrays->target_gradient};
  return (void *)(uintptr_t)pointers[slot];
}

static closs_status find_views(work *w, const closs_request *request, const closs_arrays *arrays, closs_error *error) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    view *v = &w->views[slot];
    v->written = slot >= CLOSS_SLOT_LOSS;
    if (!request->used[slot] || closs_tensor_elements(&request->tensors[slot]) == 0) {
      continue;
    }
    unsigned char *array = array_of(arrays, slot);
    if (array == NULL) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL, expected %llu elements", closs_slot_names[slot],
                        (unsigned long long)closs_tensor_elements(&request->tensors[slot]));
    }
    uint64_t size = closs_dtype_size(request->tensors[slot].dtype);
    uint64_t reach = (uint64_t)request->highest[slot] - (uint64_t)request->lowest[slot] + 1;
    if (reach > SIZE_MAX / size) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: its strides reach over %llu elements, more than memory has",
                        closs_slot_names[slot], (unsigned long long)reach);
    }
    v->offset = closs_magnitude(request->lowest[slot]);
    v->host = array - v->offset * size;
    v->bytes = (size_t)(reach * size);
  }
  return CLOSS_OK;
}

static bool overlaps(const view *a, const view *b) {
  uintptr_t first = (uintptr_t)a->host, second = (uintptr_t)b->host;
  return a->bytes > 0 && b->bytes > 0 && first < second + b->bytes && second < first + a->bytes;
}

/* A gradient in place has its operand's buffer; any other overlap with an output is refused. */
static closs_status share_views(work *w, const closs_request *request, closs_error *error) {
  for (int b = CLOSS_SLOT_LOSS; b < CLOSS_SLOT_COUNT; b++) {
    for (int a = 0; a < b; a++) {
      view *first = &w->views[a], *second = &w->views[b];
      if (!overlaps(first, second)) {
        continue;
      }
      int operand = b - CLOSS_SLOT_INPUT_GRADIENT;
      if (operand != a || !(request->gradient_mode[operand] & CLOSS_GRADIENT_IN_PLACE) || first->host != second->host ||
          first->bytes != second->bytes) {
        return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: its %zu bytes overlap %s, which has %zu",
                          closs_slot_names[b], second->bytes, closs_slot_names[a], first->bytes);
      }
      first->written = true;
      second->borrowed = true;
    }
  }
  return CLOSS_OK;
}

/* OpenCL leaves open what two buffers over the same host memory do: of operands that overlap, the later are copied. */
static bool overlaps_earlier(const work *w, int slot) {
  for (int other = 0; other < slot; other++) {
    if (overlaps(&w->views[other], &w->views[slot])) {
      return true;
    }
  }
  return false;
}

static closs_status make_buffer(work *w, int slot, closs_error *error) {
  view *v = &w->views[slot];
  if (v->bytes == 0 || v->borrowed) {
    return CLOSS_OK;
  }
  /* A device with memory of its own gets a copy, of outputs too: strides may leave gaps in them that must stay. */
  bool shared = w->context->caps.unified_memory && !overlaps_earlier(w, slot);
  cl_mem_flags flags =
      (v->written ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY) | (shared ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR);
  cl_int code = CL_SUCCESS;
  v->memory = w->cl->CreateBuffer(w->context->context, flags, v->bytes, v->host, &code);
  if (code != CL_SUCCESS) {
    v->memory = NULL;
    return closs_fail_opencl(error, code, "clCreateBuffer of %zu bytes for %s", v->bytes, closs_slot_names[slot]);
  }
  return CLOSS_OK;
}

static closs_status make_buffers(work *w, const closs_plan *plan, closs_error *error) {
  closs_status status = CLOSS_OK;
  for (int slot = 0; slot < CLOSS_SLOT_COUNT && status == CLOSS_OK; slot++) {
    status = make_buffer(w, slot, error);
  }
  for (int operand = 0; operand < 2; operand++) {
    view *gradient = &w->views[CLOSS_SLOT_INPUT_GRADIENT + operand];
    gradient->memory = gradient->borrowed ? w->views[operand].memory : gradient->memory;
  }
  size_t bytes = (size_t)closs_plan_workspace(plan);
  if (status == CLOSS_OK && bytes > 0) {
    cl_int code = CL_SUCCESS;
    w->workspace = w->cl->CreateBuffer(w->context->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code != CL_SUCCESS) {
      w->workspace = NULL;
      status = closs_fail_opencl(error, code, "clCreateBuffer of %zu bytes of workspace", bytes);
    }
  }
  return status;
}

static closs_buffer buffer_of(const work *w, int slot) {
  closs_buffer buffer = {w->views[slot].memory, w->views[slot].offset};
  return buffer;
}

static closs_status run(work *w, closs_plan *plan, double upstream, closs_error *error) {
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input = buffer_of(w, CLOSS_SLOT_INPUT);
  buffers.target = buffer_of(w, CLOSS_SLOT_TARGET);
  buffers.weight = buffer_of(w, CLOSS_SLOT_WEIGHT);
  buffers.upstream = buffer_of(w, CLOSS_SLOT_UPSTREAM);
  buffers.loss = buffer_of(w, CLOSS_SLOT_LOSS);
  buffers.input_gradient = buffer_of(w, CLOSS_SLOT_INPUT_GRADIENT);
  buffers.target_gradient = buffer_of(w, CLOSS_SLOT_TARGET_GRADIENT);
  buffers.workspace.memory = w->workspace;
  buffers.upstream_value = upstream;
  closs_status status = closs_enqueue(plan, w->queue, &buffers, 0, NULL, NULL, error);
  cl_int code = w->cl->Finish(w->queue);
  if (code != CL_SUCCESS && status == CLOSS_OK) {
    status = closs_fail_opencl(error, code, "clFinish");
  }
  return status;
}

/* Results to the host. Mapping shared memory is what makes them visible there. */
static closs_status fetch(work *w, closs_error *error) {
  for (int slot = CLOSS_SLOT_LOSS; slot < CLOSS_SLOT_COUNT; slot++) {
    view *v = &w->views[slot];
    if (v->memory == NULL) {
      continue;
    }
    cl_int code = CL_SUCCESS;
    const char *call = "clEnqueueReadBuffer";
    if (w->context->caps.unified_memory) {
      call = "clEnqueueMapBuffer";
      void *mapped =
          w->cl->EnqueueMapBuffer(w->queue, v->memory, CL_TRUE, CL_MAP_READ, 0, v->bytes, 0, NULL, NULL, &code);
      if (code == CL_SUCCESS) {
        call = "clEnqueueUnmapMemObject";
        code = w->cl->EnqueueUnmapMemObject(w->queue, v->memory, mapped, 0, NULL, NULL);
      }
    } else {
      code = w->cl->EnqueueReadBuffer(w->queue, v->memory, CL_TRUE, 0, v->bytes, v->host, 0, NULL, NULL);
    }
    if (code != CL_SUCCESS) {
      return closs_fail_opencl(error, code, "%s of %zu bytes of %s", call, v->bytes, closs_slot_names[slot]);
    }
  }
  cl_int code = w->cl->Finish(w->queue);
  return code == CL_SUCCESS ? CLOSS_OK : closs_fail_opencl(error, code, "clFinish");
}

static void release(work *w, bool failed) {
  /* What was enqueued before something failed is still at work on the caller's arrays. */
  if (failed && w->queue != NULL) {
    (void)w->cl->Finish(w->queue);
  }
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (w->views[slot].memory != NULL && !w->views[slot].borrowed) {
      w->cl->ReleaseMemObject(w->views[slot].memory);
    }
  }
  if (w->workspace != NULL) {
    w->cl->ReleaseMemObject(w->workspace);
  }
  if (w->queue != NULL) {
    w->cl->ReleaseCommandQueue(w->queue);
  }
}

static closs_status compute(work *w, closs_plan *plan, const closs_arrays *arrays, closs_timing *timing,
                            closs_error *error) {
  closs_status status = find_views(w, &plan->request, arrays, error);
  if (status == CLOSS_OK) {
    status = share_views(w, &plan->request, error);
  }
  if (status != CLOSS_OK) {
    return status;
  }
  double start = seconds();
  status = closs_plan_prepare(plan, error);
  double prepared = seconds();
  if (status == CLOSS_OK) {
    cl_int code = CL_SUCCESS;
    w->queue = w->cl->CreateCommandQueue(w->context->context, w->context->device, 0, &code);
    if (code != CL_SUCCESS) {
      w->queue = NULL;
      status = closs_fail_opencl(error, code, "clCreateCommandQueue");
    }
  }
  status = status == CLOSS_OK ? make_buffers(w, plan, error) : status;
  double placed = seconds();
  status = status == CLOSS_OK ? run(w, plan, arrays->upstream_value, error) : status;
  double done = seconds();
  status = status == CLOSS_OK ? fetch(w, error) : status;
  timing->program = prepared - start;
  timing->kernel = done - placed;
  timing->transfer = (placed - prepared) + (seconds() - done);
  return status;
}

closs_status closs_compute(closs_context *context, const closs_plan_options *options, const closs_arrays *arrays,
                           closs_plan **plan_out, closs_timing *timing, closs_error *error) {
  if (plan_out != NULL) {
    *plan_out = NULL;
  }
  if (arrays == NULL || arrays->size != sizeof *arrays) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "arrays: size is %zu, expected %zu; start from CLOSS_ARRAYS_INIT",
                      arrays == NULL ? 0 : arrays->size, sizeof *arrays);
  }
  closs_plan *plan = NULL;
  closs_status status = closs_plan_create(context, options, &plan, error);
  if (status != CLOSS_OK) {
    return status;
  }
  if (options->total_terms != 0) {
    closs_plan_destroy(plan);
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "total_terms: %llu, expected 0: pieces need closs_enqueue()",
                      (unsigned long long)options->total_terms);
  }
  work w = {context, &context->cl, NULL, NULL, {{0}}};
  closs_timing unwanted;
  status = compute(&w, plan, arrays, timing != NULL ? timing : &unwanted, error);
  release(&w, status != CLOSS_OK);
  if (status == CLOSS_OK && plan_out != NULL) {
    *plan_out = plan;
  } else {
    closs_plan_destroy(plan);
  }
  return status;
}
