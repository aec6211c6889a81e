#include "base/error.h"
#include "linear/linear.h"

/* The bytes that an array takes in its root buffer. */
typedef struct range {
  const char *name;
  const closs_buffer *buffer;
  uint64_t first, end; /* first == end: not used */
  cl_mem root;
  bool written;
} range;

enum { RANGES = 11 };

/* A matrix of the layer's type; from its element (0, 0) to the last. */
static range matrix(const closs_linear_call *call, const char *name, const closs_buffer *buffer, bool used,
                    bool written, uint64_t rows, uint64_t columns, uint64_t leading) {
  uint64_t size = closs_dtype_size(call->linear->options.dtype);
  range r = {name, buffer, 0, 0, NULL, written};
  if (used) {
    r.first = buffer->offset * size;
    r.end = r.first + ((rows - 1) * leading + columns) * size;
  }
  return r;
}

/* The weights may have negative strides. */
static range weights(const closs_linear_call *call) {
  const closs_linear *linear = call->linear;
  const closs_tensor *w = &linear->weight;
  range r = {"weight", &call->buffers->weight, 0, 0, NULL, false};
  if (!linear->has_weight) return r;
  int64_t low = 0, high = 0, size = (int64_t)closs_dtype_size(w->dtype);
  for (uint32_t d = 0; d < w->rank; d++) {
    int64_t reach = w->strides[d] * (int64_t)(w->shape[d] - 1);
    low += reach < 0 ? reach : 0;
    high += reach > 0 ? reach : 0;
  }
  /* One that begins before its buffer wraps around, and passes its end. */
  r.first = (uint64_t)((int64_t)r.buffer->offset + low) * (uint64_t)size;
  r.end = (uint64_t)((int64_t)r.buffer->offset + high + 1) * (uint64_t)size;
  return r;
}

/* Fills in the range's root, and moves it there. */
static closs_status place(const closs_linear_call *call, range *r, closs_error *error) {
  const closs_context *context = call->linear->context;
  cl_mem memory = r->buffer->memory, parent = NULL;
  size_t size = 0, offset = 0;
  cl_context of = NULL;
  if (memory == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: the buffer is NULL, expected one of %llu bytes or more",
                      r->name, (unsigned long long)r->end);
  }
  cl_int code = context->cl.GetMemObjectInfo(memory, CL_MEM_SIZE, sizeof size, &size, NULL);
  if (code == CL_SUCCESS) code = context->cl.GetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof of, &of, NULL);
  if (code == CL_SUCCESS) {
    code = context->cl.GetMemObjectInfo(memory, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
  }
  if (code == CL_SUCCESS && parent != NULL) {
    code = context->cl.GetMemObjectInfo(memory, CL_MEM_OFFSET, sizeof offset, &offset, NULL);
  }
  if (code != CL_SUCCESS) return closs_fail_opencl(error, code, "%s: clGetMemObjectInfo", r->name);
  if (of != context->context) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: the buffer is of another OpenCL context than the layer",
                      r->name);
  }
  if (r->first >= r->end || r->end > size) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: needs bytes %llu to %llu of a buffer that has %zu", r->name,
                      (unsigned long long)r->first, (unsigned long long)(r->end - 1), size);
  }
  r->root = parent != NULL ? parent : memory;
  r->first += offset;
  r->end += offset;
  return CLOSS_OK;
}

static bool overlap(const range *a, const range *b) {
  return (a->written || b->written) && a->root == b->root && a->first < b->end && b->first < a->end;
}

static closs_status check_ranges(const closs_linear_call *call, range ranges[RANGES], closs_error *error) {
  for (int i = 0; i < RANGES; i++) {
    closs_status status = ranges[i].first != ranges[i].end ? place(call, &ranges[i], error) : CLOSS_OK;
    if (status != CLOSS_OK) return status;
    for (int k = 0; k < i; k++) {
      if (ranges[i].root == NULL || !overlap(&ranges[i], &ranges[k])) continue;
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "%s: bytes %llu to %llu of its root buffer overlap %s, bytes %llu to %llu", ranges[i].name,
                        (unsigned long long)ranges[i].first, (unsigned long long)(ranges[i].end - 1), ranges[k].name,
                        (unsigned long long)ranges[k].first, (unsigned long long)(ranges[k].end - 1));
    }
  }
  return CLOSS_OK;
}

static closs_status check_queue(const closs_linear_call *call, closs_error *error) {
  const closs_context *context = call->linear->context;
  cl_command_queue_properties properties = 0;
  cl_int code = context->cl.GetCommandQueueInfo(call->queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
  if (code != CL_SUCCESS) return closs_fail_opencl(error, code, "queue: clGetCommandQueueInfo");
  if (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) {
    return closs_fail(error, CLOSS_UNSUPPORTED,
                      "queue: it is out of order, and CLBlast takes no wait list; expected "
                      "an in-order queue");
  }
  return CLOSS_OK;
}

closs_status closs_linear_check_buffers(const closs_linear_call *call, closs_error *error) {
  const closs_linear_options *o = &call->linear->options;
  const closs_linear_buffers *b = call->buffers;
  uint32_t wanted = o->wanted;
  uint64_t loss_rows = o->reduction == CLOSS_NONE ? o->rows : 1,
           loss_columns = o->reduction == CLOSS_NONE ? o->outputs : 1;
  range ranges[RANGES] = {
      matrix(call, "x", &b->x, true, false, o->rows, o->features, o->x_leading),
      matrix(call, "w", &b->w, true, false, o->features, o->outputs, o->w_leading),
      matrix(call, "b", &b->b, o->bias, false, 1, o->outputs, o->outputs),
      matrix(call, "y", &b->y, true, false, o->rows, o->outputs, o->y_leading),
      weights(call),
      matrix(call, "predictions", &b->predictions, true, true, o->rows, o->outputs, o->predictions_leading),
      matrix(call, "loss", &b->loss, wanted & CLOSS_LINEAR_LOSS, true, loss_rows, loss_columns, loss_columns),
      matrix(call, "w_gradient", &b->w_gradient, wanted & CLOSS_LINEAR_W_GRADIENT, true, o->features, o->outputs,
             o->w_gradient_leading),
      matrix(call, "b_gradient", &b->b_gradient, wanted & CLOSS_LINEAR_B_GRADIENT, true, 1, o->outputs, o->outputs),
      matrix(call, "x_gradient", &b->x_gradient, wanted & CLOSS_LINEAR_X_GRADIENT, true, o->rows, o->features,
             o->x_gradient_leading),
      {"workspace", &b->workspace, b->workspace.offset, b->workspace.offset + call->linear->workspace, NULL, true},
  };
  if (b->size != sizeof *b) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "buffers: size is %zu, expected %zu; start from CLOSS_LINEAR_BUFFERS_INIT", b->size, sizeof *b);
  }
  if (call->linear->workspace != 0 && b->workspace.offset % CLOSS_WORKSPACE_ALIGNMENT != 0) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "workspace: offset %llu, expected a multiple of %d bytes",
                      (unsigned long long)b->workspace.offset, CLOSS_WORKSPACE_ALIGNMENT);
  }
  closs_status status = check_queue(call, error);
  return status == CLOSS_OK ? check_ranges(call, ranges, error) : status;
}
