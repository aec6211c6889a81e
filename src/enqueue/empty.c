#include "enqueue/empty.h"

#include <math.h>

#include "base/convert.h"
#include "base/error.h"

/* One command, whatever the kind of memory. */
static cl_int fill_memory(closs_chain *chain, closs_memory memory, const void *pattern, size_t size, uint64_t element,
                          uint64_t count, cl_event *event) {
  const cl_event *wait;
  const cl_uint wait_count = closs_chain_wait(chain, &wait);
  const size_t at = (size_t)element * size, bytes = (size_t)count * size;
  if (memory.kind == CLOSS_MEMORY_BUFFER) {
    return chain->cl->EnqueueFillBuffer(chain->queue, memory.buffer, pattern, size, at, bytes, wait_count, wait, event);
  }
  closs_cl_fill_pointer fill =
      memory.kind == CLOSS_MEMORY_SVM ? chain->cl->EnqueueSVMMemFill : chain->cl->EnqueueMemFillINTEL;
  return fill(chain->queue, (char *)memory.address + at, pattern, size, bytes, wait_count, wait, event);
}

static closs_status fill(closs_chain *chain, const closs_places *places, enum closs_slot slot, closs_dtype dtype,
                         uint64_t element, uint64_t count, double value, closs_error *error) {
  /* Of complex numbers, whose fills are 0, each part for itself: memory by address is aligned to a part alone. */
  const closs_dtype real = closs_dtype_real(dtype);
  const size_t size = closs_dtype_size(real);
  const uint64_t parts = closs_dtype_size(dtype) / size;
  unsigned char pattern[16];
  const double pair[2] = {value, 0};
  closs_put_f64(real, pattern, pair);
  cl_event next;
  cl_event *event = closs_chain_event(chain, false, &next);
  cl_int code = fill_memory(chain, places->memory[slot], pattern, size, element * parts, count * parts, event);
  if (code != CL_SUCCESS) {
    const closs_memory_kind kind = places->memory[slot].kind;
    const char *call = kind == CLOSS_MEMORY_BUFFER ? "clEnqueueFillBuffer"
                       : kind == CLOSS_MEMORY_SVM  ? "clEnqueueSVMMemFill"
                                                   : "clEnqueueMemFillINTEL";
    return closs_fail_opencl(error, code, "%s of %s", call, closs_slot_names[slot]);
  }
  closs_chain_advance(chain, next);
  return CLOSS_OK;
}

/* Zeros in a gradient of any strides: runs along the innermost dimension where that is dense, else single elements. */
static closs_status fill_gradient(const closs_plan *plan, closs_chain *chain, const closs_places *places,
                                  enum closs_slot slot, closs_error *error) {
  const closs_tensor *tensor = &plan->request.tensors[slot];
  uint64_t elements = closs_tensor_elements(tensor);
  uint64_t run = 1;
  uint32_t outer = tensor->rank;
  while (outer > 0 && (tensor->shape[outer - 1] == 1 || tensor->strides[outer - 1] == (int64_t)run)) {
    run *= tensor->shape[--outer];
  }
  for (uint64_t number = 0; number < elements; number += run) {
    uint64_t rest = number / run;
    uint64_t at = places->at[slot];
    for (uint32_t left = outer; left > 0; left--) {
      at += (rest % tensor->shape[left - 1]) * (uint64_t)tensor->strides[left - 1];
      rest /= tensor->shape[left - 1];
    }
    closs_status status = fill(chain, places, slot, tensor->dtype, at, run, 0, error);
    if (status != CLOSS_OK) {
      return status;
    }
  }
  return CLOSS_OK;
}

closs_status closs_enqueue_empty(const closs_plan *plan, const closs_places *places, closs_chain *chain,
                                 closs_error *error) {
  const closs_request *request = &plan->request;
  closs_status status = CLOSS_OK;
  if (request->used[CLOSS_SLOT_LOSS] && request->reduction != CLOSS_NONE) {
    status = fill(chain, places, CLOSS_SLOT_LOSS, request->tensors[CLOSS_SLOT_LOSS].dtype, places->at[CLOSS_SLOT_LOSS],
                  1, request->reduction == CLOSS_MEAN ? (double)NAN : 0.0, error);
  }
  for (int operand = 0; operand < 2 && status == CLOSS_OK; operand++) {
    enum closs_slot slot = operand == 0 ? CLOSS_SLOT_INPUT_GRADIENT : CLOSS_SLOT_TARGET_GRADIENT;
    /* Adding a sum of no terms changes nothing. */
    if (request->used[slot] && !(request->gradient_mode[operand] & CLOSS_GRADIENT_ACCUMULATE)) {
      status = fill_gradient(plan, chain, places, slot, error);
    }
  }
  return status;
}
